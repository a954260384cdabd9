import type { LaneId } from '../domain/ids.ts';

/** Lanes with work, counted. */
export interface LaneCounts {
  /** Could be taken now, unless they are paused or their org is at its cap. */
  ready: number;
  /** In a worker's hands. */
  held: number;
  /** Wait for a time. */
  parked: number;
}

/** Which lanes want attention, and when: for engines that keep wake-ups outside the store. Reads only; holds no locks. */
export interface Lanes {
  counts(): Promise<LaneCounts>;
  /** Up to `limit` lanes whose time has come and that nobody holds, in no particular order. */
  ready(limit: number): Promise<LaneId[]>;
  /** Milliseconds until a lane may be taken: 0 now, the rest of its lease when somebody holds it, null when it has no work. */
  dueInMs(lane: LaneId): Promise<number | null>;
}
