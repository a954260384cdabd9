import type { Clock, Random } from '../../domain/clock.ts';
import { AppError, StoreBusy, StoreFailed, StoreTimeout } from '../../domain/errors.ts';
import type { NewId } from '../../domain/ids.ts';
import type { PortName, Submit } from '../commands.ts';
import { Batches, told } from './batches.ts';
import { breakerCommands } from './breakers.ts';
import { Calls, type Call } from './calls.ts';
import type { BatchCommand, Command, EncodedCall } from './command.ts';
import type { Connections } from './connections.ts';
import { controlCommands } from './controls.ts';
import { conversationCommands } from './conversations.ts';
import { Database } from './database.ts';
import { laneCommands } from './lane-views.ts';
import { ledgerCommands } from './ledger.ts';
import { mailboxCommands } from './mailbox.ts';
import { jobCommands } from './job-records.ts';
import { deadLetterCommands, reportCommands } from './operate.ts';
import { operationCommands } from './operations.ts';
import { readStatements } from './sql-files.ts';

export interface ClientDeps {
  connections: Connections;
  schema: string;
  override: Pick<Clock, 'now'> | null;
  clock: Clock;
  random: Random;
  newId: NewId;
  maxWaiting: number;
  timeoutMs: number;
}

type Args = never[];

/** This process's end of the store: every command of the ports, with its deadline. */
export class Client {
  readonly #deps: ClientDeps;
  readonly #database: Database;
  readonly #calls: Calls;
  readonly #commands: Record<PortName, Record<string, Command>>;
  readonly #statements: (name: string) => string;
  readonly #batches = new Map<BatchCommand, Batches>();
  readonly #undoing = new Set<Promise<void>>();
  #claims = 0;
  #closed = false;

  constructor(deps: ClientDeps) {
    const instance = deps.newId('lane').slice('lane_'.length);
    const claimant = (owner: string): string => `${owner}/${instance}/${++this.#claims}`;
    this.#deps = deps;
    this.#database = new Database(deps);
    this.#calls = new Calls(deps.clock, deps.timeoutMs, (command) => this.#late(command));
    this.#statements = readStatements(deps.schema);
    this.#commands = {
      mailbox: mailboxCommands({ claimant, highest: () => this.#database.highest }),
      ledger: ledgerCommands(deps.newId),
      conversations: conversationCommands,
      deadLetters: deadLetterCommands,
      operations: operationCommands,
      jobs: jobCommands,
      reports: reportCommands(),
      lanes: laneCommands,
      controls: controlCommands,
      breakers: breakerCommands,
    };
  }

  readonly submit: Submit = (port, method, args) => {
    const name = `${port}.${method}`;
    if (this.#closed) return Promise.reject(new StoreFailed(name, new AppError('store_closed', 'the store is closed')));
    if (method === 'append' && this.#calls.size >= this.#deps.maxWaiting) return Promise.reject(new StoreBusy(this.#calls.size));
    const command = this.#commands[port][method];
    if (!command) return Promise.reject(new TypeError(`no command ${name}`));
    if (command.kind !== 'batch') return this.#calls.start(name, args, (call) => void this.#alone(call, () => this.#runAlone(command, args as Args)));
    return this.#calls.start(name, command.encode(...(args as Args)), (call) => this.#batchesOf(command).add(call));
  };

  ping(): Promise<unknown> {
    return this.#calls.start('ping', null, (call) => void this.#alone(call, () => this.#database.run(this.#statements('ping'), [], true)));
  }

  /** Refuses what comes from now on, and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#calls.drained();
    await Promise.all(this.#undoing);
    await this.#deps.connections.close();
  }

  #late(command: string): Error {
    const { trouble } = this.#deps.connections;
    return trouble ? new StoreFailed(command, trouble) : new StoreTimeout(command, this.#deps.timeoutMs);
  }

  #batchesOf(command: BatchCommand): Batches {
    let batches = this.#batches.get(command);
    if (!batches) {
      const undo = (undone: BatchCommand, calls: EncodedCall[]): void => this.#undo(undone, calls);
      batches = new Batches({ database: this.#database, calls: this.#calls, timeoutMs: this.#deps.timeoutMs, undo }, command);
      this.#batches.set(command, batches);
    }
    return batches;
  }

  async #runAlone(command: Exclude<Command, BatchCommand>, args: Args): Promise<unknown> {
    if (command.kind === 'single') return this.#database.callOne(command, command.encode(...args));
    const rows = await this.#database.run(this.#statements(command.name), command.values(this.#database.at, ...args), command.repeatable);
    return command.decode(rows, ...args);
  }

  async #alone(call: Call<unknown>, run: () => Promise<unknown>): Promise<void> {
    try {
      this.#calls.settle(call, { value: await run() });
    } catch (error) {
      this.#calls.settle(call, { error: told(call.command, error, this.#deps.timeoutMs) });
    }
  }

  /** Best effort: what is not undone now ends by itself when its lease does. */
  #undo(command: BatchCommand, calls: EncodedCall[]): void {
    const { undo } = command;
    if (!undo) return;
    const text = `select ${this.#deps.schema}.${undo.name}($1)`;
    const undoing = Promise.allSettled(calls.map((call) => this.#database.run(text, undo.values(call), true))).then(() => void this.#undoing.delete(undoing));
    this.#undoing.add(undoing);
  }
}
