import type { Clock } from '../../src/domain/clock.ts';

export interface ManualClock extends Clock {
  /** Moves time on, waking sleepers in their order and letting what they started run. */
  advance(ms: number): Promise<void>;
}

/** Lets everything run that is ready to run. */
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A clock that stands still until it is told to go on. */
export function manualClock(startAt = 1_700_000_000_000): ManualClock {
  let passed = 0;
  const sleepers = new Set<{ at: number; wake: () => void }>();

  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const sleeper = { at: passed + Math.max(0, ms), wake: resolve };
      sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        if (sleepers.delete(sleeper)) reject(signal.reason as Error);
      });
    });
  }

  async function advance(ms: number): Promise<void> {
    const end = passed + ms;
    await settle();
    for (;;) {
      const due = [...sleepers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      passed = Math.max(passed, due.at);
      sleepers.delete(due);
      due.wake();
      await settle();
    }
    passed = end;
    await settle();
  }

  return { now: () => startAt + passed, monotonic: () => passed, sleep, advance };
}
