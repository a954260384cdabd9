/**
 * The store thread: SQLite's waits for the disk happen here, so that they never stall an acknowledgement. Everything that
 * has queued up while a commit was under way goes into the next one.
 */
import { receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { systemClock, systemRandom } from '../../domain/clock.ts';
import { createIds } from '../../domain/ids.ts';
import { Batches, type Call } from './batch.ts';
import { createCommands } from './commands.ts';
import { openDatabase } from './database.ts';

export interface ThreadData {
  port: MessagePort;
  dataDir: string;
}

/** Calls in one transaction at the most: bounds how long the last of them waits. */
const BATCH_MAX = 512;

export type FromThread = { kind: 'open' } | { kind: 'refused'; code: string; message: string } | { kind: 'replies'; replies: ReturnType<Batches['run']> };
export type ToThread = { kind: 'calls'; calls: Call[] } | { kind: 'close' };

function serve(data: ThreadData): void {
  const { port } = data;
  const db = openDatabase(data.dataDir, systemClock.now());
  const { commands, tallies } = createCommands(db, { clock: systemClock, newId: createIds(systemClock, systemRandom) });
  const batches = new Batches(db, commands, tallies);
  const post = (message: FromThread): void => port.postMessage(message);
  port.on('message', (first: ToThread) => {
    let message: ToThread | undefined = first;
    while (message) {
      if (message.kind === 'close') {
        db.close();
        return port.close();
      }
      const calls = message.calls;
      message = undefined;
      while (calls.length < BATCH_MAX && !message) {
        const queued = receiveMessageOnPort(port)?.message as ToThread | undefined;
        if (!queued) break;
        if (queued.kind === 'calls') calls.push(...queued.calls);
        else message = queued;
      }
      const now = systemClock.now();
      const late = calls.filter((call) => call.expiresAt < now).map((call) => ({ id: call.id, error: 'its time had run out before it was begun' }));
      const due = calls.filter((call) => call.expiresAt >= now);
      post({ kind: 'replies', replies: [...late, ...batches.run(due)] });
      message ??= receiveMessageOnPort(port)?.message as ToThread | undefined;
    }
  });
  post({ kind: 'open' });
}

const data = workerData as ThreadData;
try {
  serve(data);
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  data.port.postMessage({ kind: 'refused', code: code ?? 'store_failed', message } satisfies FromThread);
  data.port.close();
}
