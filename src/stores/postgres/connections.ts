import pg from 'pg';
import type { Clock, Random } from '../../domain/clock.ts';
import { AppError } from '../../domain/errors.ts';
import { failureKind, isTimeout } from './failure.ts';
import { Sockets } from './sockets.ts';

export interface ConnectionOptions {
  url: string;
  /** Connections at the most. */
  connections: number;
  /** Deadline of a call, ms. A statement gets less. */
  timeoutMs: number;
  /** Behind a pooler in transaction mode: nothing is set on the session. */
  pooled: boolean;
  clock: Clock;
  random: Random;
}

/** How long a connection may be idle before it is closed, ms. */
const IDLE_MS = 30_000;
/** Pause between two attempts to connect, ms, at the most. */
const RECONNECT_MS = 200;
/** The share of a call's time that one statement may take: what is left is for a second try over another connection. */
const STATEMENT_SHARE = 0.6;

/** Counts and instants are far below 2^53: numbers, not strings. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text') => (oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format))) as pg.CustomTypesConfig['getTypeParser'],
};

/**
 * Settings of one connection. Every wait has an end here, in the client: a half-open connection answers nothing, and a pooler may drop
 * what is set at the start of a session. Directly connected, the server gives up as well, so that a statement whose caller is gone does not
 * go on waiting for a lock.
 */
export function clientConfig(options: Pick<ConnectionOptions, 'url' | 'timeoutMs' | 'pooled'>, sockets: Sockets): pg.ClientConfig {
  const statementMs = Math.ceil(options.timeoutMs * STATEMENT_SHARE);
  return {
    connectionString: options.url,
    connectionTimeoutMillis: statementMs,
    query_timeout: statementMs,
    ...(options.pooled ? {} : { statement_timeout: statementMs, application_name: 'chasqui' }),
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    stream: sockets.make,
    types,
  };
}

/** A few connections, made when needed, and dropped when one of them is in doubt. */
export class Connections {
  readonly #options: ConnectionOptions;
  readonly #sockets = new Sockets();
  #pool: pg.Pool;
  readonly #closing = new AbortController();
  /** Why the last attempt to connect failed; null since one succeeded. */
  trouble: Error | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#pool = this.#makePool();
  }

  /** Runs one statement in a transaction of its own. With a name it is read and planned once per connection, where sessions are ours to keep. */
  run(text: string, values: unknown[], name?: string): Promise<pg.QueryResult> {
    const named = name !== undefined && !this.#options.pooled;
    return this.#with((client) => client.query(named ? { name, text, values } : { text, values }));
  }

  /** Runs `body` in a transaction. */
  transaction<T>(body: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    return this.#with(async (client) => {
      await client.query('begin');
      try {
        const result = await body(client);
        await client.query('commit');
        return result;
      } catch (error) {
        if (failureKind(error) !== 'cut') await client.query('rollback');
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    this.#closing.abort(new AppError('store_closed', 'the store is closed'));
    await this.#pool.end();
    await this.#sockets.close(this.#options.clock);
  }

  #makePool(): pg.Pool {
    const pool = new pg.Pool({ ...clientConfig(this.#options, this.#sockets), max: this.#options.connections, idleTimeoutMillis: IDLE_MS });
    // A connection that ends by itself: the statement on it fails, if there is one, and the pool makes another connection.
    const noted = (error: Error): void => void (this.trouble = error);
    pool.on('connect', (client) => void client.on('error', noted));
    pool.on('error', noted);
    return pool;
  }

  /** One connection fell silent, so the others of its time are in doubt too: rather than find that out one by one, all are replaced. */
  #replace(pool: pg.Pool): void {
    if (this.#pool !== pool || this.#closing.signal.aborted) return;
    this.#pool = this.#makePool();
    void pool.end();
  }

  async #with<T>(body: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const { client, pool } = await this.#connect();
    let broken = true;
    try {
      const result = await body(client);
      broken = false;
      return result;
    } catch (error) {
      broken = failureKind(error) === 'cut';
      if (isTimeout(error)) this.#replace(pool);
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** Nothing is lost by trying again until the deadline: nothing was sent yet. A server that restarts is not noticed, only waited for. */
  async #connect(): Promise<{ client: pg.PoolClient; pool: pg.Pool }> {
    const { clock, random, timeoutMs } = this.#options;
    const deadline = clock.monotonic() + timeoutMs;
    for (;;) {
      this.#closing.signal.throwIfAborted();
      const pool = this.#pool;
      try {
        const client = await pool.connect();
        this.trouble = null;
        return { client, pool };
      } catch (error) {
        this.trouble = error as Error;
        const pause = RECONNECT_MS * (0.5 + random() / 2);
        if (failureKind(error) === 'refused' || clock.monotonic() + pause >= deadline) throw error;
        await clock.sleep(pause, this.#closing.signal);
      }
    }
  }
}
