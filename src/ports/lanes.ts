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

/** `inMs`: 0 now; while somebody holds the lane, the rest of the lease, which ends earlier when the lane is given back. */
export interface LaneDue {
  inMs: number;
  held: boolean;
}

/** Which lanes want attention, and when: for engines that keep wake-ups outside the store. Reads only; holds no locks. */
export interface Lanes {
  counts(): Promise<LaneCounts>;
  /** Up to `limit` lanes whose time has come and that nobody holds, in no particular order. */
  ready(limit: number): Promise<LaneId[]>;
  /** When a lane may be taken; null when it has no work. */
  due(lane: LaneId): Promise<LaneDue | null>;
}
