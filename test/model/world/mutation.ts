import type { StoreCommands } from '../../../src/stores/commands.ts';
import type { Lease } from '../../../src/domain/lane.ts';
import type { LaneRow, State } from '../memory/state.ts';
import type { World } from './world.ts';

/** What a mutation changes of the commands, given the rows and the commands as they are. */
export type Wrap = (at: { state: State; mailbox: StoreCommands['mailbox']; ledger: StoreCommands['ledger']; commands: StoreCommands; world: World }) => {
  [P in keyof StoreCommands]?: Partial<StoreCommands[P]>;
};

export const laneOf = (state: State, lease: Lease): LaneRow => state.lanes.get(lease.laneId) as LaneRow;
