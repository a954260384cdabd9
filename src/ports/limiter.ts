import type { MarkAsk } from '../domain/duplicate.ts';
import type { LimitAsk, LimitDecision, LimitSource, PaceRule, Reservation, ReserveAsk } from '../domain/limit.ts';

export interface LimiterStats {
  /** Who decides at present. */
  source: LimitSource;
  /** False while the store is gone or frozen, and memory stands in for it. */
  isAvailable: boolean;
  /** Keys that hold events that still count, in the store, over all processes; null while the store cannot say. Seconds, or an eighth of a window, old. */
  activeKeys: number | null;
  /** Marks of duplicates that still count, likewise. */
  activeMarks: number | null;
  /** Keys that this process counts in its own memory. */
  localKeys: number;
  /** Marks that this process keeps in its own memory. */
  localMarks: number;
}

/** A pause that a platform asked for: `forMs`, 1 ms to 1 day. */
export interface PenalizeAsk {
  org: string;
  rule: PaceRule;
  forMs: number;
}

/**
 * Exact limits, shared by all who use the same store and prefix.
 *
 * Every method rejects with `limit_invalid` where the ask is wrong, and with `limiter_unavailable` ({@link LimiterUnavailable}) where the store does
 * not answer within its deadline; the resilient limiter never does the latter. `now` (UTC ms) decides instead of the store's clock: for tests.
 */
export interface Limiter {
  /** Allows an event under all rules, and counts it, or denies it, and counts nothing. One atomic step. */
  check(ask: LimitAsk, now?: number): Promise<LimitDecision>;
  /** What {@link Limiter.check} would say. Counts nothing. */
  peek(ask: LimitAsk, now?: number): Promise<LimitDecision>;
  /** Takes the next place under all rules, for sends that can wait. One atomic step; places are given in the order of asking. */
  reserve(ask: ReserveAsk, now?: number): Promise<Reservation>;
  /** The platform said to wait: nothing that is reserved from now on starts under this rule for `forMs`, and no burst follows. */
  penalize(ask: PenalizeAsk, now?: number): Promise<void>;
  /** Whether it came before within its window. If not, it is remembered from now on. */
  seen(ask: MarkAsk, now?: number): Promise<{ isDuplicate: boolean; source: LimitSource }>;
  stats(): Promise<LimiterStats>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  /** Ends the connections that the limiter opened itself. */
  close(): Promise<void>;
}
