import pg from 'pg';
import type { Clock } from '../../domain/clock.ts';
import { clientConfig, type ConnectionOptions } from './connections.ts';
import { Sockets } from './sockets.ts';

export interface ListenerDeps {
  options: Pick<ConnectionOptions, 'url' | 'timeoutMs' | 'pooled'>;
  /** `{schema}.{what}` */
  channel: string;
  clock: Clock;
}

/** Pauses between two attempts to connect, ms: doubling from the first to the last. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 5_000;
/** How often a silent connection is asked whether it is still there, ms. */
const PULSE_MS = 10_000;

/**
 * Hears what any process says on one channel, over a connection of its own (https://www.postgresql.org/docs/current/sql-listen.html). What was
 * said while nobody listened is not repeated. Closing it ends the connection.
 */
export class Listener implements AsyncDisposable {
  readonly #deps: ListenerDeps;
  readonly #hear: (payload: string) => void;
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;

  constructor(deps: ListenerDeps, hear: (payload: string) => void) {
    this.#deps = deps;
    this.#hear = hear;
    this.#ended = this.#listen();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!this.#closing.signal.aborted) {
      const heard = await this.#session();
      pause = heard ? FIRST_PAUSE_MS : Math.min(pause * 2, LAST_PAUSE_MS);
      await this.#sleep(pause);
    }
  }

  /** One connection, until it ends. True when it came to listening at all. */
  async #session(): Promise<boolean> {
    const sockets = new Sockets();
    const client = new pg.Client(clientConfig(this.#deps.options, sockets));
    const over = new AbortController();
    // However it ends, the next session begins after a pause; the error itself was seen by whoever used the store meanwhile.
    client.on('error', () => over.abort());
    client.on('end', () => over.abort());
    client.on('notification', ({ payload }) => this.#hear(payload ?? ''));
    try {
      await client.connect();
      await client.query(`listen "${this.#deps.channel}"`);
      await this.#watch(client, AbortSignal.any([over.signal, this.#closing.signal]));
      return true;
    } catch {
      return false;
    } finally {
      void client.end();
      await sockets.close(this.#deps.clock);
    }
  }

  /** Asks now and then, because a connection that broke silently would be listened to for ever. */
  async #watch(client: pg.Client, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.#sleep(PULSE_MS, over);
      if (!over.aborted) await client.query('select 1');
    }
  }

  async #sleep(ms: number, signal: AbortSignal = this.#closing.signal): Promise<void> {
    await this.#deps.clock.sleep(ms, signal).catch(() => undefined);
  }
}
