import type { Controls, PauseTarget } from '../../../src/ports/controls.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import { conversationOf } from './state.ts';
import type { LaneRow, State } from './state.ts';

const keyOf = (target: PauseTarget): string => JSON.stringify(target);

/** What operators decided. */
export function controls(state: State): Commands<Controls> {
  return {
    pause: (target) => {
      const isNew = !state.pauses.has(keyOf(target));
      if (isNew) state.pauses.set(keyOf(target), { target: { ...target }, since: state.clock.now() });
      return isNew;
    },
    resume: (target) => state.pauses.delete(keyOf(target)),
    pauses: () => [...state.pauses.values()].map((pause) => ({ ...pause })),
    engineMode: () => state.engineMode,
    setEngineMode: (mode) => {
      state.engineMode = mode;
    },
  };
}

export const isAllPaused = (state: State): boolean => state.pauses.has(keyOf({ scope: 'all' }));

/** True when the lane's org or channel is paused. */
export function isPaused(state: State, lane: LaneRow): boolean {
  const channelId = conversationOf(state, lane)?.channelId;
  return state.pauses.has(keyOf({ scope: 'org', orgId: lane.orgId })) || (channelId !== undefined && state.pauses.has(keyOf({ scope: 'channel', channelId })));
}
