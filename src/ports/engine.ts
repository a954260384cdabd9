import type { Claimed } from '../domain/lane.ts';
import type { LaneId } from '../domain/ids.ts';

export interface EngineStats {
  mode: 'local';
  active: number;
  concurrency: number;
  paused: boolean;
  /** Lanes drained without and with an error since the start. */
  succeeded: number;
  failed: number;
}

/** Decides when and where lanes run. The store decides what is true. */
export interface Engine {
  /** A hint, after the commit: may be lost or doubled. */
  wake(laneId: LaneId): void;
  start(drain: (claimed: Claimed, signal: AbortSignal) => Promise<void>): void;
  /** Stops taking lanes; those in hand go on. */
  pause(): void;
  resume(): void;
  /** Looks for work at once, as the sweeper does when a hint may have been lost. Returns how many lanes it took. */
  sweep(): Promise<number>;
  stats(): EngineStats;
  /** Stops taking lanes, waits until `deadlineMs` for those in hand, then aborts them so that they hand back. */
  stop(deadlineMs: number): Promise<void>;
}
