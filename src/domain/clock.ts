import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

/** Time and waiting are arguments, so that tests decide them. */
export interface Clock {
  /** Milliseconds since 1970, UTC: for what is kept. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary start that never go back: for differences inside one process. */
  monotonic(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A number in [0, 1). */
export type Random = () => number;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await wait(ms, undefined, signal ? { signal } : undefined);
  },
};

export const systemRandom: Random = () => randomInt(2 ** 47) / 2 ** 47;
