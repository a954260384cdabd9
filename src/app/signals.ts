import type { Clock } from '../domain/clock.ts';

/** What the signals act on: the process, or a stand-in in tests. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
}

export interface SignalOptions {
  /** The ordered stop. */
  stop(): Promise<'clean' | 'forced'>;
  /** A repetition so soon is the same request: one Ctrl-C arrives from the terminal and from whoever started us. 0: never. */
  sameWithinMs: number;
  clock: Clock;
}

/** SIGTERM and SIGINT stop in order and exit with 0 (1 when something had to be forced). Asked twice, the process exits at once with 1. */
export function stopOnSignals(source: SignalSource, { stop, sameWithinMs, clock }: SignalOptions): void {
  let askedAt: number | null = null;
  const onSignal = (): void => {
    if (askedAt !== null) {
      if (clock.monotonic() - askedAt >= sameWithinMs) source.exit(1);
      return;
    }
    askedAt = clock.monotonic();
    stop().then(
      (result) => source.exit(result === 'clean' ? 0 : 1),
      () => source.exit(1),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) source.on(signal, onSignal);
}
