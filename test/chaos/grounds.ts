import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { postgresBin, startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { redisProgram, startRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import type { Cell } from './cell.ts';

/**
 * The servers that schedules run on, one schedule after the other. Schedules that run at the same time have grounds of their own, because
 * a server that dies, dies for everybody.
 */
export interface Grounds {
  readonly cell: Cell;
  readonly postgres: TestPostgres | null;
  readonly redis: TestRedis | null;
  close(): Promise<void>;
}

/** True when the servers of the cell are installed; with `CI=true` they are installed, or it throws. */
export const hasServers = ({ store, engine }: Cell): boolean => (store === 'sqlite' || postgresBin() !== null) && (engine === 'local' || redisProgram() !== null);

function need(found: string | null, name: string): string {
  if (found === null) throw new Error(`this cell needs ${name}, which is not installed`);
  return found;
}

export async function openGrounds(cell: Cell): Promise<Grounds> {
  const postgres = cell.store === 'postgres' ? await startPostgres(need(postgresBin(), 'PostgreSQL')) : null;
  const redis = cell.engine === 'bullmq' ? await startRedis(need(redisProgram(), 'Redis')) : null;
  const close = async (): Promise<void> => void (await Promise.all([postgres?.stop(), redis?.stop()]));
  return { cell, postgres, redis, close };
}

async function query(postgres: TestPostgres, text: string): Promise<void> {
  const client = new pg.Client(postgres.url);
  // The server may be made to die while we ask.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(text);
  } finally {
    await client.end().catch(() => undefined);
  }
}

const LOOK_MS = 20;
/** A server that has not recovered after this, ms, will not. */
const RECOVERY_MS = 30_000;

/** Resolves when the server takes queries: it accepts connections a while before that. */
export async function answering(postgres: TestPostgres): Promise<void> {
  const until = Date.now() + RECOVERY_MS;
  for (;;) {
    try {
      return await query(postgres, 'select 1');
    } catch (error) {
      if (Date.now() > until) throw error;
      await wait(LOOK_MS);
    }
  }
}

let databases = 0;

/** Makes an empty database. Returns its name. */
export async function createDatabase(postgres: TestPostgres): Promise<string> {
  const name = `chaos_${++databases}`;
  await answering(postgres);
  await query(postgres, `create database ${name}`);
  return name;
}

export const dropDatabase = (postgres: TestPostgres, name: string): Promise<void> => query(postgres, `drop database if exists ${name} with (force)`);

/** Ends every connection to a database. */
export const terminateBackends = (postgres: TestPostgres, name: string): Promise<void> =>
  query(postgres, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`);
