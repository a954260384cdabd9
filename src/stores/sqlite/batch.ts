import type { DatabaseSync } from 'node:sqlite';
import { run, type PortName, type StoreCommands } from '../commands.ts';
import type { Tallies } from './commands.ts';

export interface Call {
  id: number;
  port: PortName;
  method: string;
  args: unknown[];
  /** UTC ms; nobody waits for the answer after it, so a call that was not begun by then is not run. */
  expiresAt: number;
}

export type Reply = { id: number; value: unknown } | { id: number; error: string };

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Group commit: many calls, one transaction, one wait for the disk. When a call of the batch (or the commit itself) fails,
 * everything is rolled back and each call is tried again in a transaction of its own, so that only the one at fault fails.
 */
export class Batches {
  readonly #db: DatabaseSync;
  readonly #commands: StoreCommands;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, commands: StoreCommands, tallies: Tallies) {
    this.#db = db;
    this.#commands = commands;
    this.#tallies = tallies;
  }

  run(calls: Call[]): Reply[] {
    try {
      return this.#transaction(calls);
    } catch {
      return calls.map((call) => this.#alone(call));
    }
  }

  #alone(call: Call): Reply {
    try {
      return this.#transaction([call])[0] as Reply;
    } catch (error) {
      return { id: call.id, error: why(error) };
    }
  }

  #transaction(calls: Call[]): Reply[] {
    this.#db.exec('begin immediate');
    try {
      const replies = calls.map((call) => ({ id: call.id, value: run(this.#commands, call) }));
      this.#tallies.write();
      this.#db.exec('commit');
      return replies;
    } catch (error) {
      this.#tallies.forget();
      if (this.#db.isTransaction) this.#db.exec('rollback');
      throw error;
    }
  }
}
