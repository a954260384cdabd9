import type { Lanes } from '../../../src/ports/lanes.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import type { LaneRow, State } from './state.ts';

/** Read-only views of the lanes with work. */
export function lanes(state: State): Commands<Lanes> {
  const open = (): LaneRow[] => [...state.lanes.values()].filter((lane) => lane.lastSeq > lane.doneSeq);
  const dueInMs = (lane: LaneRow): number => Math.max(0, (lane.owner === null ? lane.readyAt : lane.leaseUntil) - state.clock.now());
  return {
    counts: () => ({
      ready: open().filter((lane) => dueInMs(lane) === 0).length,
      held: open().filter((lane) => dueInMs(lane) > 0 && lane.owner !== null).length,
      parked: open().filter((lane) => dueInMs(lane) > 0 && lane.owner === null).length,
    }),
    ready: (limit) => open().filter((lane) => dueInMs(lane) === 0).slice(0, limit).map(({ id }) => id),
    due: (id) => {
      const lane = open().find((each) => each.id === id);
      return lane ? { inMs: dueInMs(lane), held: lane.owner !== null && dueInMs(lane) > 0 } : null;
    },
  };
}
