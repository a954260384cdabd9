import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { postgresBin, startPostgres, type TestPostgres } from '../test/support/postgres.ts';
import { redisProgram, startRedis, type TestRedis } from '../test/support/redis.ts';

/** A server that rows are measured on, with the process at the root of its tree. */
export interface Server {
  pid: number;
  stop(): Promise<void>;
}

export interface PostgresServer extends Server {
  /** Runs `use` on a database of its own, removed afterwards. */
  withDatabase<T>(use: (url: string) => Promise<T>): Promise<T>;
  /** `15.18`, for the report. */
  version: string;
}

/** How often Redis waits for its disk: once a second, or before every answer. */
export type Fsync = 'everysec' | 'always';

export interface RedisServer extends Server {
  /** Runs `use` on an empty Redis. */
  emptied<T>(use: (url: string) => Promise<T>): Promise<T>;
  version: string;
}

async function ask(url: string, ...texts: string[]): Promise<pg.QueryResult> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    let last: pg.QueryResult | undefined;
    for (const text of texts) last = await client.query(text);
    return last as pg.QueryResult;
  } finally {
    await client.end();
  }
}

let databases = 0;

/** A server that has just opened its port may still be starting up; one that stays so is stopped. */
async function factsOf(server: TestPostgres): Promise<{ version: string; data: string }> {
  for (let tries = 1; ; tries += 1) {
    try {
      const { rows } = await ask(server.url, `select current_setting('server_version') as version, current_setting('data_directory') as data`);
      return rows[0] as { version: string; data: string };
    } catch (error) {
      if (tries < 100) {
        await wait(50);
        continue;
      }
      await server.stop();
      throw error;
    }
  }
}

/** As a deployment's: `fsync` on, `synchronous_commit` as it comes, a pool of pages that holds the working set. Null: not installed. */
export async function openPostgres(): Promise<PostgresServer | null> {
  const bin = postgresBin();
  if (!bin) return null;
  const server = await startPostgres(bin, ['shared_buffers=256MB', 'max_wal_size=2GB', 'max_connections=100', 'autovacuum_naptime=15s']);
  const { version, data } = await factsOf(server);
  const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
  return {
    pid,
    version: version.split(' ')[0] ?? version,
    stop: () => server.stop(),
    async withDatabase(use) {
      const name = `bench_${++databases}`;
      await ask(server.url, `create database ${name}`);
      try {
        return await use(server.url.replace(/\/[^/]*$/, `/${name}`));
      } finally {
        await ask(server.url, `drop database ${name} with (force)`, 'checkpoint');
      }
    },
  };
}

/** What `INFO server` says under a name. */
function infoOf({ url }: TestRedis, name: string): string {
  const { stdout, status } = spawnSync('redis-cli', ['-u', url, 'info', 'server'], { encoding: 'utf8' });
  const value = new RegExp(`^${name}:(\\S+)`, 'm').exec(stdout)?.[1];
  if (status !== 0 || value === undefined) throw new Error(`Redis does not say its ${name}; is redis-cli installed?`);
  return value;
}

/** With an append-only file that reaches the disk as often as `fsync` says. Null: not installed. */
export async function openRedis(fsync: Fsync): Promise<RedisServer | null> {
  const program = redisProgram();
  if (!program) return null;
  const server = await startRedis(program, [['appendfsync', fsync]]);
  try {
    const [pid, version] = [Number(infoOf(server, 'process_id')), infoOf(server, 'redis_version')];
    const emptied: RedisServer['emptied'] = async (use) => {
      await server.command('FLUSHALL');
      return use(server.url);
    };
    return { pid, version, emptied, stop: () => server.stop() };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** The servers that a bench may want, each started when it is first asked for. */
export class Backends implements AsyncDisposable {
  #postgres: Promise<PostgresServer | null> | null = null;
  readonly #redis = new Map<Fsync, Promise<RedisServer | null>>();

  postgres(): Promise<PostgresServer | null> {
    this.#postgres ??= openPostgres();
    return this.#postgres;
  }

  redis(fsync: Fsync): Promise<RedisServer | null> {
    const opened = this.#redis.get(fsync) ?? openRedis(fsync);
    this.#redis.set(fsync, opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that did not start has nothing to stop; whoever asked for it was told why.
    const opened = await Promise.allSettled([this.#postgres, ...this.#redis.values()]);
    await Promise.all(opened.map(async (each) => each.status === 'fulfilled' && each.value?.stop()));
  }
}
