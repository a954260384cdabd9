import type { Clock } from '../../domain/clock.ts';
import type { Store } from '../../ports/store.ts';
import { portsOf, type Submit } from '../commands.ts';
import { ThreadClient } from './client.ts';

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

interface Backend {
  submit: Submit;
  close(): Promise<void>;
}

/** Loaded only when asked for: the store thread has its own copy of what it needs. */
async function inline(dataDir: string, clock: Clock): Promise<Backend> {
  const { openInline } = await import('./inline.ts');
  return openInline(dataDir, clock);
}

/**
 * The embedded store: one SQLite file (WAL, `synchronous=FULL`), no service. Every call resolves after its commit reached the
 * disk; calls that wait together are committed together.
 * @throws AppError `store_held` when another process has the file open; its message names the holder.
 */
export async function openSqliteStore(options: SqliteOptions): Promise<Store> {
  const { dataDir, clock } = options;
  const { maxWaiting = 2000, timeoutMs = 4000, thread = true } = options;
  const backend: Backend = thread ? await ThreadClient.open({ dataDir, maxWaiting, timeoutMs, clock }) : await inline(dataDir, clock);
  return {
    kind: 'sqlite',
    ...portsOf(backend.submit),
    ping: async () => void (await backend.submit('conversations', 'cursor', ['ping'])),
    close: () => backend.close(),
  };
}
