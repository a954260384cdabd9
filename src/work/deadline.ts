import type { Clock } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';

export interface Deadline {
  clock: Clock;
  ms: number;
  /** The code and words of the error when time is up. */
  code: string;
  signal: AbortSignal;
}

/** Why the clock need not be waited for any more. A reason of one's own spares the making of an error with a stack trace, each time. */
const DONE = Symbol('done');

/**
 * Runs `task` with a signal that aborts when `ms` have passed or the outer signal does. Rejects then even if the task does not
 * listen, so that nothing can hang a lane.
 */
export async function within<T>(deadline: Deadline, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, ms, code, signal } = deadline;
  signal.throwIfAborted();
  const stop = new AbortController();
  const done = new AbortController();
  const forward = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', forward);
  const timeUp = clock.sleep(ms, done.signal).then(
    () => stop.abort(new AppError(code, `no result within ${ms} ms`)),
    () => undefined,
  );
  const aborted = new Promise<never>((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error)));
  try {
    return await Promise.race([task(stop.signal), aborted]);
  } finally {
    signal.removeEventListener('abort', forward);
    done.abort(DONE);
    await timeUp;
  }
}
