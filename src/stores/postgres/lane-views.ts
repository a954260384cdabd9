import type { LaneId } from '../../domain/ids.ts';
import type { LaneCounts, LaneDue, Lanes } from '../../ports/lanes.ts';
import { statement, type Command } from './command.ts';

export const laneCommands: Record<keyof Lanes, Command> = {
  counts: statement<Lanes['counts'], LaneCounts>({ name: 'laneCounts', values: (at) => [at], decode: ({ rows }) => rows[0] as LaneCounts }),
  ready: statement<Lanes['ready'], { id: LaneId }>({ name: 'lanesReady', values: (at, limit) => [at, limit], decode: ({ rows }) => rows.map(({ id }) => id) }),
  due: statement<Lanes['due'], LaneDue>({ name: 'laneDue', values: (at, lane) => [at, lane], decode: ({ rows }) => rows[0] ?? null }),
};
