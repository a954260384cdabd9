import type { StoreCommands } from '../../../src/stores/commands.ts';
import type { State } from '../memory/state.ts';
import { LEDGER_MUTATIONS } from './mutants-ledger.ts';
import { MAILBOX_MUTATIONS } from './mutants-mailbox.ts';
import type { Wrap } from './mutation.ts';
import type { World } from './world.ts';

const STORE_MUTATIONS = { ...MAILBOX_MUTATIONS, ...LEDGER_MUTATIONS };

/** Mutations that the world, not the store, makes: see where `config.mutation` is read. */
type WorldMutation = 'preSend' | 'settle' | 'settleMono' | 'sweep' | 'ackAfter' | 'govInTx' | 'quarantine';

export type Mutation = keyof typeof STORE_MUTATIONS | WorldMutation;

export function mutate(memory: { state: State; commands: StoreCommands }, mutation: Mutation, world: World): StoreCommands {
  const { state, commands } = memory;
  if (!(mutation in STORE_MUTATIONS)) return commands;
  const wrap: Wrap = STORE_MUTATIONS[mutation as keyof typeof STORE_MUTATIONS];
  const changed = wrap({ state, commands, mailbox: commands.mailbox, ledger: commands.ledger, world });
  return Object.fromEntries(Object.entries(commands).map(([port, methods]) => [port, { ...methods, ...changed[port as keyof StoreCommands] }])) as unknown as StoreCommands;
}
