import type { Clock } from '../../domain/clock.ts';
import type { MarkAsk } from '../../domain/duplicate.ts';
import { LimiterUnavailable, type LimitAsk, type LimitDecision, type LimitSource, type Reservation, type ReserveAsk } from '../../domain/limit.ts';
import type { Limiter, LimiterStats, PenalizeAsk } from '../../ports/limiter.ts';
import type { LocalLimiter } from '../local-limiter.ts';

export interface ResilientOptions {
  /** Decides while it answers within its deadline. */
  primary: Limiter;
  /** Is told of everything that the primary allows, and decides while it does not answer. */
  local: LocalLimiter;
  clock: Clock;
  /** Called when the other one begins to decide. `reason`: why the primary does not. */
  onSwitch?(to: 'primary' | 'memory', reason: string | null): void;
}

/** Calls in a row without an answer after which the primary is not asked any more. Those that began before the last one failed count as one. */
const FAILURES = 3;
/** Between two questions whether the primary is back, ms. */
const PROBE_MS = 200;

/**
 * States: `primary` (it decides; what it allows is counted here, too) → `memory` (it failed; this process's own counts decide, nothing is sent to the
 * primary but a ping now and then) → `returned` (it decides again, but does not know what was allowed meanwhile: until that has stopped counting,
 * what the own counts deny stays denied) → `primary`. A single
 * failure leads from `primary` to `returned`, since that one decision was made here.
 */
type State = { kind: 'primary' } | { kind: 'memory' } | { kind: 'returned'; until: number };

class ResilientLimiter implements Limiter {
  readonly #options: ResilientOptions;
  readonly #closing = new AbortController();
  #state: State = { kind: 'primary' };
  #failures = 0;
  #failedAt = -Infinity;
  /** The longest that anything allowed by memory goes on counting. */
  #longestMs = 0;
  #probing: Promise<void> = Promise.resolve();
  /** Until when there may be marks that only this process has. */
  #marksUntil = -Infinity;
  /** Who decided last. */
  #source: LimitSource = 'memory';

  constructor(options: ResilientOptions) {
    this.#options = options;
  }

  check(ask: LimitAsk, now?: number): Promise<LimitDecision> {
    return this.#decide(ask, 'check', now);
  }

  peek(ask: LimitAsk, now?: number): Promise<LimitDecision> {
    return this.#decide(ask, 'peek', now);
  }

  async reserve(ask: ReserveAsk, now?: number): Promise<Reservation> {
    const { primary, local } = this.#options;
    if (this.#now().kind === 'memory') return this.#reserveHere(ask, now);
    const own = this.#now().kind === 'returned' ? await local.reserve(ask, now) : null;
    if (own?.reserved === false) return own;
    const reserved = await this.#asked(() => primary.reserve(ask, now));
    if (!reserved) return own ?? this.#reserveHere(ask, now);
    this.#failures = 0;
    if (!reserved.reserved) return reserved;
    if (own && own.waitMs > reserved.waitMs) return own;
    if (!own) local.noteReserve(ask, reserved.waitMs, now);
    return reserved;
  }

  async penalize(ask: PenalizeAsk, now?: number): Promise<void> {
    await this.#options.local.penalize(ask, now);
    this.#longestMs = Math.max(this.#longestMs, ask.forMs);
    const isTold = this.#now().kind !== 'memory' && (await this.#asked(() => this.#options.primary.penalize(ask, now).then(() => true)));
    if (!isTold) this.#watch();
  }

  async seen(ask: MarkAsk, now?: number): Promise<{ isDuplicate: boolean; source: LimitSource }> {
    const { primary, local, clock } = this.#options;
    const seen = this.#now().kind === 'memory' ? null : await this.#asked(() => primary.seen(ask, now));
    if (!seen) {
      const own = await local.seen(ask, now);
      this.#marksUntil = Math.max(this.#marksUntil, clock.monotonic() + ask.windowMs);
      return own;
    }
    this.#failures = 0;
    if (seen.isDuplicate || !local.seenNow(ask, now)) return seen;
    // It came while the primary was not asked.
    return { ...seen, isDuplicate: clock.monotonic() < this.#marksUntil };
  }

  async stats(): Promise<LimiterStats> {
    const { localKeys, localMarks } = await this.#options.local.stats();
    if (this.#now().kind === 'memory') return { source: 'memory', isAvailable: false, activeKeys: null, activeMarks: null, localKeys, localMarks };
    const stats = await this.#stats();
    return { ...stats, localKeys, localMarks };
  }

  ping(): Promise<void> {
    return this.#options.primary.ping();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#probing;
    await this.#options.primary.close();
  }

  async #decide(ask: LimitAsk, method: 'check' | 'peek', now?: number): Promise<LimitDecision> {
    const { primary, local } = this.#options;
    const { kind } = this.#now();
    if (kind === 'memory') return this.#decideHere(ask, method, now);
    if (kind === 'returned') {
      const own = await local.peek(ask, now);
      if (!own.allowed) return own;
    }
    const decision = await this.#asked(() => primary[method](ask, now));
    if (!decision) return this.#decideHere(ask, method, now);
    this.#source = decision.source;
    if (!decision.allowed) return decision;
    // A denial may have been remembered, and says nothing of whether the primary is there.
    this.#failures = 0;
    if (method === 'check') local.noteCheck(ask, now);
    return decision;
  }

  #decideHere(ask: LimitAsk, method: 'check' | 'peek', now?: number): Promise<LimitDecision> {
    for (const { windowMs } of ask.rules) this.#longestMs = Math.max(this.#longestMs, windowMs);
    this.#watch();
    return this.#options.local[method](ask, now);
  }

  /** What is decided here, even once, the primary does not know: as after an outage, until it has stopped counting. */
  #watch(): void {
    if (this.#state.kind !== 'memory') this.#state = { kind: 'returned', until: this.#options.clock.monotonic() + this.#longestMs };
  }

  #reserveHere(ask: ReserveAsk, now?: number): Promise<Reservation> {
    for (const { intervalMs, burst } of ask.rules) this.#longestMs = Math.max(this.#longestMs, intervalMs * burst + ask.maxWaitMs);
    this.#watch();
    return this.#options.local.reserve(ask, now);
  }

  /** A store that is slow to count its keys may still decide in time: that is no failure. */
  async #stats(): Promise<Omit<LimiterStats, 'localKeys' | 'localMarks'>> {
    try {
      return await this.#options.primary.stats();
    } catch (error) {
      if (!(error instanceof LimiterUnavailable)) throw error;
      return { source: this.#source, isAvailable: this.#failures === 0, activeKeys: null, activeMarks: null };
    }
  }

  /** The state, which may have come to its end by itself. */
  #now(): State {
    if (this.#state.kind === 'returned' && this.#options.clock.monotonic() >= this.#state.until) {
      this.#state = { kind: 'primary' };
      this.#longestMs = 0;
    }
    return this.#state;
  }

  /** The primary's answer; null when it has none. */
  async #asked<T>(ask: () => Promise<T>): Promise<T | null> {
    const askedAt = this.#options.clock.monotonic();
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof LimiterUnavailable)) throw error;
      this.#failed(error, askedAt);
      return null;
    }
  }

  #failed(error: LimiterUnavailable, askedAt: number): void {
    if (this.#state.kind === 'memory' || askedAt < this.#failedAt) return;
    this.#failedAt = this.#options.clock.monotonic();
    this.#failures += 1;
    if (this.#failures < FAILURES || this.#closing.signal.aborted) return;
    this.#state = { kind: 'memory' };
    this.#probing = this.#probe();
    this.#options.onSwitch?.('memory', error.message);
  }

  async #probe(): Promise<void> {
    const { clock, primary, onSwitch } = this.#options;
    while (this.#state.kind === 'memory') {
      await clock.sleep(PROBE_MS, this.#closing.signal).catch(() => undefined);
      if (this.#closing.signal.aborted) return;
      const isBack = await primary.ping().then(() => true, () => false);
      if (!isBack) continue;
      this.#failures = 0;
      this.#state = { kind: 'returned', until: clock.monotonic() + this.#longestMs };
      onSwitch?.('primary', null);
    }
  }
}

/**
 * A limiter that always decides: by the primary, and by this process's own counts while the primary is gone or frozen. Then each process by itself
 * allows no more than the limit, counting what it allowed before; several processes together may allow more.
 */
export function createResilientLimiter(options: ResilientOptions): Limiter {
  return new ResilientLimiter(options);
}
