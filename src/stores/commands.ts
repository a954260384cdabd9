import { LeaseLost } from '../domain/errors.ts';
import type { BreakerBoard } from '../ports/breaker-board.ts';
import type { Controls } from '../ports/controls.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { DeadLetters } from '../ports/dead-letters.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Lanes } from '../ports/lanes.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Mailbox } from '../ports/mailbox.ts';
import type { Operations } from '../ports/operations.ts';
import type { Reports } from '../ports/reports.ts';
import type { Store } from '../ports/store.ts';

/** What a command returns instead of throwing when it is fenced off, so that a batch of commands goes on. */
export const LOST = 'lease lost';

/** A port as synchronous commands: each one is a transaction of its own, or a piece of a larger one. */
export type Commands<Port> = {
  [K in keyof Port]: Port[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R | typeof LOST : never;
};

export interface StoreCommands {
  mailbox: Commands<Mailbox>;
  ledger: Commands<Ledger>;
  conversations: Commands<Conversations>;
  deadLetters: Commands<DeadLetters>;
  operations: Commands<Operations>;
  jobs: Commands<Jobs>;
  reports: Commands<Reports>;
  lanes: Commands<Lanes>;
  controls: Commands<Controls>;
  breakers: Commands<BreakerBoard>;
}

export type PortName = keyof StoreCommands;

/** Runs one command by name. Resolves after its effects are durable. */
export type Submit = (port: PortName, method: string, args: unknown[]) => Promise<unknown>;

const METHODS: { [P in PortName]: (keyof StoreCommands[P])[] } = {
  mailbox: ['append', 'amend', 'addJob', 'claim', 'open', 'begin', 'renew', 'fail', 'handBack', 'complete', 'promote', 'release'],
  ledger: ['plan', 'startPart', 'resend', 'recordSent', 'endPart', 'settle', 'close'],
  conversations: ['get', 'find', 'setOwner', 'clearDoubt', 'known', 'cursor', 'setCursor'],
  deadLetters: ['list', 'stats', 'ids', 'retry', 'discard', 'purge'],
  operations: ['start', 'take', 'renew', 'advance', 'stumble', 'complete', 'giveBack', 'get', 'list', 'cancel', 'resume'],
  jobs: ['get', 'progress', 'keyed', 'openKeys'],
  reports: ['message', 'messages', 'counts', 'oldestWaitingMs', 'load', 'prune'],
  lanes: ['counts', 'ready', 'due'],
  controls: ['pause', 'resume', 'pauses', 'engineMode', 'setEngineMode'],
  breakers: ['list', 'open', 'close', 'probe'],
};

function portOf(port: PortName, submit: Submit): unknown {
  const methods = METHODS[port] as string[];
  return Object.fromEntries(
    methods.map((method) => [
      method,
      async (...args: unknown[]) => {
        const result = await submit(port, method, args);
        if (result === LOST) throw new LeaseLost();
        return result;
      },
    ]),
  );
}

/** The ports of a store, given a way to run its commands. */
export function portsOf(submit: Submit): Omit<Store, 'kind' | 'ping' | 'close'> {
  const ports = (Object.keys(METHODS) as PortName[]).map((port) => [port, portOf(port, submit)]);
  return Object.fromEntries(ports) as Omit<Store, 'kind' | 'ping' | 'close'>;
}

/** Runs a command of a synchronous store. */
export function run(commands: StoreCommands, call: { port: PortName; method: string; args: unknown[] }): unknown {
  const { port, method, args } = call;
  const methods = commands[port] as Record<string, (...args: unknown[]) => unknown>;
  const command = methods[method];
  if (!command) throw new TypeError(`no command ${port}.${method}`);
  return command(...args);
}
