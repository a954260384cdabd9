import type { Claimed } from '../domain/lane.ts';
import type { LaneId } from '../domain/ids.ts';
import type { EngineMode } from './controls.ts';

export interface EngineStats {
  /** Where wake-ups come from at this moment. */
  mode: EngineMode;
  /** Lanes in hand, and how many there may be. */
  active: number;
  concurrency: number;
  /** Lanes drained without and with an error since the start. */
  succeeded: number;
  failed: number;
}

/** How a lane was left. */
export interface Drained {
  /** Milliseconds until its first open job may run; null: nothing is open, or it is not ours to say. */
  nextInMs: number | null;
}

/** Works on a lane until nothing in it may run now. Never rejects because of the work itself. */
export type Drain = (claimed: Claimed, signal: AbortSignal) => Promise<Drained>;

/** How a request for one lane ended: the lane that was drained, or why there was none. */
export type Taken = { kind: 'drained'; laneId: LaneId } | { kind: 'nothing' } | { kind: 'stopping' };

/** Decides when and where lanes run. The store decides what is true. */
export interface Engine {
  /** A hint, after the commit, that the lane has work which may run in `inMs` (0: now). May be lost or doubled. */
  wake(laneId: LaneId, inMs?: number): void;
  start(drain: Drain): void;
  /** Looks for work at once, as the sweeper does when a hint may have been lost. Returns how many lanes it took. */
  sweep(): Promise<number>;
  /** Lanes in hand at the most, from now on. Those in hand go on. */
  scale(concurrency: number): void;
  stats(): EngineStats;
  /** Stops taking lanes, waits until `deadlineMs` for those in hand, then aborts them so that they hand back. */
  stop(deadlineMs: number): Promise<void>;
}

/** An engine whose slots another one may fill. */
export interface DrivableEngine extends Engine {
  /**
   * Drains the lane whose turn it is as soon as a slot is free; the one preferred if several are asked for at once. Never rejects: a store
   * that fails has nothing to take.
   */
  take(preferred: LaneId): Promise<Taken>;
  /**
   * `itself`: it looks for work when it is woken, when a slot gets free, and when the next lane is due. `others`: it only takes what it is asked
   * to take; a look that it is asked for goes on until nothing is left to take. May change at any time.
   */
  drive(by: 'itself' | 'others'): void;
}
