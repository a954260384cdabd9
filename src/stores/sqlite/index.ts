import { systemRandom, type Clock } from '../../domain/clock.ts';
import { AppError, StoreFailed } from '../../domain/errors.ts';
import { createIds } from '../../domain/ids.ts';
import type { Store } from '../../ports/store.ts';
import { portsOf, type Submit } from '../commands.ts';
import { Batches, type Call } from './batch.ts';
import { ThreadClient } from './client.ts';
import { createCommands } from './commands.ts';
import { openDatabase } from './database.ts';

export interface SqliteOptions {
  /** Folder of the database file; created when missing. */
  dataDir: string;
  clock: Clock;
  /** Calls that may wait for the disk before appends are refused with StoreBusy. Default 2000. */
  maxWaiting?: number;
  /** Deadline of every call, ms. Default 4000. */
  timeoutMs?: number;
  /** False: in this thread and on the given clock, for tests. Default true: a store thread, on the machine's clock. */
  thread?: boolean;
}

/** A closed store refuses; everything else about the calls is the batch's. */
function inline(options: SqliteOptions): { submit: Submit; close(): Promise<void> } {
  const db = openDatabase(options.dataDir, options.clock.now());
  const { commands, tallies } = createCommands(db, { clock: options.clock, newId: createIds(options.clock, systemRandom) });
  const batches = new Batches(db, commands, tallies);
  let outbox: { call: Call; resolve(value: unknown): void; reject(error: Error): void }[] = [];
  const flush = (): void => {
    const sent = outbox;
    outbox = [];
    const replies = batches.run(sent.map(({ call }) => call));
    replies.forEach((reply, index) => {
      const { call, resolve, reject } = sent[index] as (typeof sent)[number];
      if ('error' in reply) reject(new StoreFailed(`${call.port}.${call.method}`, reply.error));
      else resolve(structuredClone(reply.value));
    });
  };
  const submit: Submit = (port, method, args) =>
    new Promise((resolve, reject) => {
      if (!db.isOpen) return reject(new StoreFailed(`${port}.${method}`, new AppError('store_closed', 'the store is closed')));
      if (outbox.push({ call: { id: 0, port, method, args: structuredClone(args) }, resolve, reject }) === 1) queueMicrotask(flush);
    });
  return { submit, close: async () => db.close() };
}

/**
 * The embedded store: one SQLite file (WAL, `synchronous=FULL`), no service. Every call resolves after its commit reached the
 * disk; calls that wait together are committed together.
 * @throws AppError `store_held` when another process has the file open; its message names the holder.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const { dataDir, clock } = options;
  const threaded = options.thread ?? true;
  const backend = threaded
    ? await ThreadClient.open({ dataDir, maxWaiting: options.maxWaiting ?? 2000, timeoutMs: options.timeoutMs ?? 4000, clock })
    : inline(options);
  return {
    kind: 'sqlite',
    ...portsOf(backend.submit),
    ping: async () => void (await backend.submit('conversations', 'cursor', ['ping'])),
    close: () => backend.close(),
  };
}
