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
  /** True when the terminal that we were started from has gone: then SIGHUP tells of that, and is a reason to stop. */
  isTerminalGone(): boolean;
  /** SIGHUP otherwise. */
  reload(): void;
}

/**
 * SIGTERM and SIGINT stop in order and exit with 0 (1 when something had to be forced). Asked twice, the process exits at once with 1. SIGHUP
 * reads the settings again, unless it tells that the terminal has gone.
 */
export function listenToSignals(source: SignalSource, options: SignalOptions): void {
  const { stop, sameWithinMs, clock } = options;
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
  source.on('SIGHUP', () => (options.isTerminalGone() ? onSignal() : options.reload()));
}
