import { systemClock } from '../../domain/clock.ts';
import type { Clock } from '../../domain/clock.ts';

/** What commands that talk to a running process do to the outside, beside printing lines. */
export interface Terminal {
  clock: Clock;
  fetch: typeof fetch;
  /** Null: not a terminal, so nothing can be drawn over. */
  columns: number | null;
  /** Text as it is, for drawing. */
  write(text: string): void;
  /** Calls back at the first Ctrl-C, which then does not end the process. */
  onInterrupt(callback: () => void): Disposable;
}

export const systemTerminal: Terminal = {
  clock: systemClock,
  fetch: (...args) => fetch(...args),
  get columns() {
    return process.stdout.isTTY ? (process.stdout.columns ?? 80) : null;
  },
  write: (text) => void process.stdout.write(text),
  onInterrupt: (callback) => {
    process.once('SIGINT', callback);
    return { [Symbol.dispose]: () => void process.removeListener('SIGINT', callback) };
  },
};
