import type { Clock } from '../domain/clock.ts';
import { LimiterUnavailable } from '../domain/limit.ts';

/** The answer, or {@link LimiterUnavailable} when there is none in time, or an error in its place. */
export async function inTime<T>(answer: Promise<T>, timeoutMs: number, clock: Clock): Promise<T> {
  const enough = new AbortController();
  const late = clock.sleep(timeoutMs, enough.signal).then(() => {
    throw new LimiterUnavailable(`no answer within ${timeoutMs} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    if (error instanceof LimiterUnavailable) throw error;
    throw new LimiterUnavailable((error as Error).message, { cause: error });
  } finally {
    enough.abort();
  }
}
