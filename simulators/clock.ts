/** Time and timers of a simulator. Tests pass a clock that they move by hand. */
export interface SimClock {
  /** UTC milliseconds. */
  now(): number;
  /** Runs `run` once after `ms`. The returned function cancels it. */
  after(ms: number, run: () => void): () => void;
}

export const realSimClock: SimClock = {
  now: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** A clock that a simulator stops when it closes: timers that are due later never run. */
export interface StoppableClock extends SimClock {
  stop(): void;
}

export function stoppableClock(clock: SimClock): StoppableClock {
  const cancels = new Set<() => void>();
  let stopped = false;
  return {
    now: () => clock.now(),
    after(ms, run) {
      if (stopped) return () => {};
      const cancel = clock.after(ms, () => {
        cancels.delete(cancel);
        run();
      });
      cancels.add(cancel);
      return () => {
        cancels.delete(cancel);
        cancel();
      };
    },
    stop() {
      stopped = true;
      for (const cancel of cancels) cancel();
      cancels.clear();
    },
  };
}
