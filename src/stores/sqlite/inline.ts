import { systemRandom, type Clock } from '../../domain/clock.ts';
import { AppError, StoreFailed } from '../../domain/errors.ts';
import { createIds } from '../../domain/ids.ts';
import type { Submit } from '../commands.ts';
import { Batches, type Call } from './batch.ts';
import { createCommands } from './commands.ts';
import { openDatabase } from './database.ts';

interface Pending {
  call: Call;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The same batches without a thread, in the given clock's time. Calls of one microtask are one transaction. */
export function openInline(dataDir: string, clock: Clock): { submit: Submit; close(): Promise<void> } {
  const db = openDatabase(dataDir, clock.now());
  const { commands, tallies } = createCommands(db, { clock, newId: createIds(clock, systemRandom) });
  const batches = new Batches(db, commands, tallies);
  let outbox: Pending[] = [];
  const flush = (): void => {
    const sent = outbox;
    outbox = [];
    const replies = batches.run(sent.map(({ call }) => call));
    replies.forEach((reply, index) => {
      const { call, resolve, reject } = sent[index] as Pending;
      if ('error' in reply) reject(new StoreFailed(`${call.port}.${call.method}`, reply.error));
      else resolve(structuredClone(reply.value));
    });
  };
  const submit: Submit = (port, method, args) =>
    new Promise((resolve, reject) => {
      if (!db.isOpen) return reject(new StoreFailed(`${port}.${method}`, new AppError('store_closed', 'the store is closed')));
      if (outbox.push({ call: { id: 0, port, method, args: structuredClone(args), expiresAt: Infinity }, resolve, reject }) === 1) queueMicrotask(flush);
    });
  return { submit, close: async () => db.close() };
}
