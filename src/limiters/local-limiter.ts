import type { MarkAsk } from '../domain/duplicate.ts';
import type { LimitAsk, LimitDecision, Reservation, ReserveAsk } from '../domain/limit.ts';
import type { Limiter } from '../ports/limiter.ts';

/**
 * A limiter in this process's memory, which answers at once, and which can be told what another one allowed, so that it can take its place with the
 * right counts. What is noted was counted elsewhere: it is never refused. `now` as in {@link Limiter}.
 */
export interface LocalLimiter extends Limiter {
  checkNow(ask: LimitAsk, now?: number): LimitDecision;
  peekNow(ask: LimitAsk, now?: number): LimitDecision;
  reserveNow(ask: ReserveAsk, now?: number): Reservation;
  /** True: it came before. False: it did not, and is remembered. */
  seenNow(ask: MarkAsk, now?: number): boolean;
  noteCheck(ask: LimitAsk, now?: number): void;
  /** A place that starts in `waitMs` was taken. */
  noteReserve(ask: ReserveAsk, waitMs: number, now?: number): void;
}
