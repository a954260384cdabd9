/** Counts what is still under way, so that a test can wait until nothing is. */
export interface OpenWork {
  /** Something began; the returned function ends it (once). */
  begin(): () => void;
  /** Resolves as soon as nothing is under way. */
  idle(): Promise<void>;
}

export function createOpenWork(): OpenWork {
  let open = 0;
  let waiting: (() => void)[] = [];
  const end = (): void => {
    open -= 1;
    if (open > 0) return;
    const released = waiting;
    waiting = [];
    for (const release of released) release();
  };
  return {
    begin() {
      open += 1;
      let ended = false;
      return () => {
        if (ended) return;
        ended = true;
        end();
      };
    },
    idle: () => (open === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}
