import { randomInt } from 'node:crypto';

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

/** The longest that a timer can wait; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const timer = setTimeout(wake, Math.min(ms, MAX_TIMER_MS));
    function stop(): void {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    }
    function wake(): void {
      signal?.removeEventListener('abort', stop);
      resolve();
    }
    signal?.addEventListener('abort', stop, { once: true });
  });
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
};

export const systemRandom: Random = () => randomInt(2 ** 47) / 2 ** 47;
