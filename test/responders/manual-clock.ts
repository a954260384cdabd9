import type { Clock } from '../../src/domain/clock.ts';

export interface ManualClock extends Clock {
  /** What is being slept, ms, oldest first. */
  sleeping(): number[];
  /** Ends every sleep. */
  ring(): void;
}

/** A clock that stands still; sleeps end when the test says so. */
export function manualClock(now = 0): ManualClock {
  const sleeps = new Map<() => void, number>();
  return {
    now: () => now,
    monotonic: () => now,
    sleep(ms, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      if (signal?.aborted) return Promise.reject(signal.reason);
      sleeps.set(resolve, ms);
      signal?.addEventListener('abort', () => { sleeps.delete(resolve); reject(signal.reason); }, { once: true });
      return promise;
    },
    sleeping: () => [...sleeps.values()],
    ring() {
      for (const resolve of sleeps.keys()) resolve();
      sleeps.clear();
    },
  };
}
