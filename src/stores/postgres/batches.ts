import { StoreFailed, StoreTimeout } from '../../domain/errors.ts';
import { LOST } from '../commands.ts';
import type { Call, Calls } from './calls.ts';
import type { BatchCommand, EncodedCall } from './command.ts';
import type { Database } from './database.ts';
import { failureKind, isTimeout } from './failure.ts';

type Waiting = Call<EncodedCall>;

export interface BatchDeps {
  database: Database;
  calls: Calls;
  timeoutMs: number;
  /** Undoes calls whose callers were told that they failed. */
  undo(command: BatchCommand, calls: EncodedCall[]): void;
}

/** Calls that travel together at the most. */
const MOST = 256;

/** What a caller is told of an error of the database. */
export function told(command: string, error: unknown, timeoutMs: number): Error {
  return isTimeout(error) ? new StoreTimeout(command, timeoutMs) : new StoreFailed(command, error);
}

/**
 * Group commit of one kind of command: whatever waits while a batch is under way is the next batch. One round trip and one wait for the disk for
 * all of it; a second batch under way at once was measured to add nothing. When a batch fails by the fault of a call in it, it is halved until that call is alone, so that only that one fails.
 */
export class Batches {
  readonly #deps: BatchDeps;
  readonly #command: BatchCommand;
  #waiting: Waiting[] = [];
  #busy = false;

  constructor(deps: BatchDeps, command: BatchCommand) {
    this.#deps = deps;
    this.#command = command;
  }

  add(call: Waiting): void {
    this.#waiting.push(call);
    if (this.#busy) return;
    this.#busy = true;
    setImmediate(() => void this.#work());
  }

  async #work(): Promise<void> {
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      await this.#run(batch);
      // Those just answered may have something to add.
      await new Promise((resolve) => void setImmediate(resolve));
    }
    this.#busy = false;
  }

  /** The calls waiting longest, without those that nobody waits for any more, and no two with one key. */
  #take(): Waiting[] {
    const { key } = this.#command;
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const keys = new Set<string>();
    for (const call of this.#waiting) {
      if (!call.waiting) continue;
      const own = key?.(call.payload);
      const mustWait = taken.length >= MOST || (own !== undefined && keys.has(own));
      (mustWait ? left : taken).push(call);
      if (own !== undefined) keys.add(own);
    }
    this.#waiting = left;
    return taken;
  }

  async #run(batch: Waiting[]): Promise<void> {
    try {
      const replies = await this.#deps.database.callMany(this.#command, batch.map((call) => call.payload));
      this.#answer(batch, replies);
    } catch (error) {
      const kind = failureKind(error);
      const someOnesFault = kind === 'statement' || kind === 'again';
      if (someOnesFault && batch.length > 1) return this.#halve(batch);
      for (const call of batch) this.#deps.calls.settle(call, { error: told(call.command, error, this.#deps.timeoutMs) });
      if (kind === 'cut') this.#undo(batch);
    }
  }

  #answer(batch: Waiting[], replies: Map<number, unknown>): void {
    const unheard = batch.filter((call, n) => !this.#deps.calls.settle(call, { value: replies.has(n) ? replies.get(n) : LOST }));
    this.#undo(unheard);
  }

  #undo(calls: Waiting[]): void {
    if (this.#command.undo && calls.length > 0) this.#deps.undo(this.#command, calls.map((call) => call.payload));
  }

  async #halve(batch: Waiting[]): Promise<void> {
    const middle = Math.ceil(batch.length / 2);
    await this.#run(batch.slice(0, middle));
    await this.#run(batch.slice(middle));
  }
}
