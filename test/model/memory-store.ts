import type { Clock } from '../../src/domain/clock.ts';
import type { NewId } from '../../src/domain/ids.ts';
import type { Store } from '../../src/ports/store.ts';
import { portsOf, run } from '../../src/stores/commands.ts';
import type { StoreCommands } from '../../src/stores/commands.ts';
import { breakers } from './memory/breakers.ts';
import { mailboxAttempts } from './memory/attempts.ts';
import { controls } from './memory/controls.ts';
import { conversations } from './memory/conversations.ts';
import { deadLetters } from './memory/dead-letters.ts';
import { jobs } from './memory/jobs.ts';
import { lanes } from './memory/lanes.ts';
import { ledger } from './memory/ledger.ts';
import { mailboxEntry } from './memory/mailbox.ts';
import { operations } from './memory/operations.ts';
import { reports } from './memory/reports.ts';
import { emptyState } from './memory/state.ts';
import type { State } from './memory/state.ts';

export interface MemoryOptions {
  clock: Clock;
  newId: NewId;
}

/** The reference store with its rows in sight, for oracles that look inside. */
export function createMemory({ clock, newId }: MemoryOptions): { state: State; commands: StoreCommands } {
  const state = emptyState(clock, newId);
  const commands: StoreCommands = {
    mailbox: { ...mailboxEntry(state), ...mailboxAttempts(state) },
    ledger: ledger(state),
    conversations: conversations(state),
    deadLetters: deadLetters(state),
    operations: operations(state),
    jobs: jobs(state),
    reports: reports(state),
    lanes: lanes(state),
    controls: controls(state),
    breakers: breakers(state),
  };
  return { state, commands };
}

/** The readable reference of what every port promises: plain maps, one synchronous function per command. */
export function createMemoryCommands(options: MemoryOptions): StoreCommands {
  return createMemory(options).commands;
}

/** The reference store as the ports see a store. */
export function createMemoryStore(options: MemoryOptions): Store {
  const commands = createMemoryCommands(options);
  const ports = portsOf(async (port, method, args) => run(commands, { port, method, args }));
  return { kind: 'memory', ...ports, ping: async () => {}, close: async () => {} };
}
