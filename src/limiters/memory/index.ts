import type { Clock } from '../../domain/clock.ts';
import type { MarkAsk } from '../../domain/duplicate.ts';
import { assertLimitAsk, assertMarkAsk, assertPenalty, assertReserveAsk, type LimitAsk, type LimitDecision, type Reservation, type ReserveAsk } from '../../domain/limit.ts';
import type { LimiterStats, PenalizeAsk } from '../../ports/limiter.ts';
import type { LocalLimiter } from '../local-limiter.ts';
import { Paces } from './paces.ts';
import { Shelf, type Shelved } from './shelf.ts';
import { Windows } from './windows.ts';

export interface MemoryLimiterOptions {
  clock: Clock;
  /** Keys at the most (windows, paces and marks, each). Beyond it a new key takes the place of an old one, whose count is lost. Default 1,000,000. */
  maxKeys?: number;
}

interface Mark extends Shelved {
  seenAt: number;
}

/** A mark of the future, after a clock was set back, is taken for one of now: it lasts its window, and no longer. */
function stillCounts(mark: Mark, windowMs: number, now: number): boolean {
  if (mark.seenAt > now) mark.seenAt = now;
  mark.expiresAt = mark.seenAt + windowMs;
  return mark.expiresAt > now;
}

class MemoryLimiter implements LocalLimiter {
  readonly #clock: Clock;
  readonly #windows: Windows;
  readonly #paces: Paces;
  readonly #marks: Shelf<Mark>;

  constructor({ clock, maxKeys = 1_000_000 }: MemoryLimiterOptions) {
    this.#clock = clock;
    this.#windows = new Windows(maxKeys);
    this.#paces = new Paces(maxKeys);
    this.#marks = new Shelf(maxKeys);
  }

  async check(ask: LimitAsk, now?: number): Promise<LimitDecision> {
    assertLimitAsk(ask);
    return this.checkNow(ask, now);
  }

  async peek(ask: LimitAsk, now?: number): Promise<LimitDecision> {
    assertLimitAsk(ask);
    return this.peekNow(ask, now);
  }

  async reserve(ask: ReserveAsk, now?: number): Promise<Reservation> {
    assertReserveAsk(ask);
    return this.reserveNow(ask, now);
  }

  async penalize(ask: PenalizeAsk, now = this.#clock.now()): Promise<void> {
    assertPenalty(ask);
    this.#paces.penalize(ask, now);
  }

  async seen(ask: MarkAsk, now?: number): Promise<{ isDuplicate: boolean; source: 'memory' }> {
    assertMarkAsk(ask);
    return { isDuplicate: this.seenNow(ask, now), source: 'memory' };
  }

  async stats(): Promise<LimiterStats> {
    const now = this.#clock.now();
    const localKeys = this.#windows.countAt(now) + this.#paces.countAt(now);
    const localMarks = this.#marks.countAt(now);
    return { source: 'memory', isAvailable: true, activeKeys: localKeys, activeMarks: localMarks, localKeys, localMarks };
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {}

  checkNow(ask: LimitAsk, now = this.#clock.now()): LimitDecision {
    return this.#windows.decide(ask, now, true);
  }

  peekNow(ask: LimitAsk, now = this.#clock.now()): LimitDecision {
    return this.#windows.decide(ask, now, false);
  }

  reserveNow(ask: ReserveAsk, now = this.#clock.now()): Reservation {
    return this.#paces.reserve(ask, now);
  }

  seenNow(ask: MarkAsk, now = this.#clock.now()): boolean {
    return this.#mark(ask, now);
  }

  noteCheck(ask: LimitAsk, now = this.#clock.now()): void {
    this.#windows.count(ask, now);
  }

  noteReserve(ask: ReserveAsk, waitMs: number, now = this.#clock.now()): void {
    this.#paces.take(ask, now + waitMs, now);
  }

  #mark({ org, hash, windowMs }: MarkAsk, now: number): boolean {
    const known = this.#marks.get(org, '', hash);
    if (known && stillCounts(known, windowMs, now)) return true;
    if (known) [known.seenAt, known.expiresAt] = [now, now + windowMs];
    else this.#marks.put({ keys: this.#marks.keysOf(org, ''), key: hash, seenAt: now, expiresAt: now + windowMs }, now);
    return false;
  }
}

/** Limits of this process alone: the whole of a deployment of one process, and the stand-in where a shared store fails. */
export function createMemoryLimiter(options: MemoryLimiterOptions): LocalLimiter {
  return new MemoryLimiter(options);
}
