import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError } from '../../domain/errors.ts';

/**
 * The commit that fills the log so far also copies it into the file, and whoever waits for it waits some 20 to 40 ms: with 64 messages in flight
 * and five pages each, this many pages make that fewer than one message in a hundred. It also saves copies of pages that the next message
 * changes again. The log takes about 160 MB at the most, and is read in 0.1 s after a crash.
 */
const CHECKPOINT_PAGES = 40_000;

/** Another process holds the database file. */
export class StoreHeld extends AppError {
  constructor(file: string, holder: string) {
    super('store_held', `${file} is in use by ${holder}. Stop that process, or give this one another DATA_DIR.`);
  }
}

function readHolder(file: string): string {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; host: string; since: string };
    return `process ${pid} on ${host}, since ${since}`;
  } catch {
    return 'another process';
  }
}

/**
 * Takes the file for this process alone. The lock is the kernel's (SQLite's exclusive locking mode), so it goes with the
 * process however that ends; `holder.json` only gives the refusal a name.
 */
function hold(db: DatabaseSync, dataDir: string, now: number): void {
  const holder = join(dataDir, 'holder.json');
  try {
    db.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; begin immediate; commit;');
  } catch (error) {
    if (error instanceof Error && /locked|busy/i.test(error.message)) throw new StoreHeld(join(dataDir, 'chasqui.db'), readHolder(holder));
    throw error;
  }
  writeFileSync(holder, JSON.stringify({ pid: process.pid, host: hostname(), since: new Date(now).toISOString() }));
}

/** Runs the migrations that this file has not seen, in the order of their numbers, each in a transaction. */
function migrate(db: DatabaseSync): void {
  const folder = new URL('./migrations/', import.meta.url);
  const { user_version: version } = db.prepare('pragma user_version').get() as { user_version: number };
  for (const name of readdirSync(folder).toSorted()) {
    const number = Number.parseInt(name, 10);
    if (!(number > version)) continue;
    const sql = readFileSync(new URL(name, folder), 'utf8');
    db.exec(`begin; ${sql}; pragma user_version = ${number}; commit;`);
  }
}

/**
 * Opens (or creates) the database of a data folder for this process alone, durable on every commit
 * (https://www.sqlite.org/pragma.html#pragma_synchronous), and gives back every lease: no other process can hold one.
 * @throws StoreHeld when another process has it open.
 */
export function openDatabase(dataDir: string, now: number): DatabaseSync {
  mkdirSync(dataDir, { recursive: true });
  const db = new DatabaseSync(join(dataDir, 'chasqui.db'), { timeout: 0, enableForeignKeyConstraints: false });
  try {
    hold(db, dataDir, now);
    db.exec(`pragma synchronous = full; pragma cache_size = -32000; pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}; pragma temp_store = memory;`);
    migrate(db);
    db.exec('update lane set lease_owner = null, lease_until = 0, ready_at = 0 where lease_owner is not null; update operation set lease_until = 0;');
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}
