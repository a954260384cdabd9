import { AdaptiveLimit } from '../domain/adaptive-limit.ts';
import { Bulkhead } from '../domain/bulkhead.ts';
import type { OrgId } from '../domain/ids.ts';
import { RetryBudget } from '../domain/retry-budget.ts';
import type { CallResult, Entry, Gate, Pass } from '../ports/gate.ts';
import { Breaker, type BreakerDeps } from './breaker.ts';

/** Calls at once that a provider is begun with, and never more than. */
const LIMITS = { min: 1, max: 1_000, initial: 10 };
/** Refused so often in a row, the other side wants a rest; it is given what it asks for, up to this, ms. */
const REFUSALS = 3;
const LONGEST_REST_MS = 60_000;

interface Call {
  orgId: OrgId;
  startedAt: number;
  inFlight: number;
  isProbe: boolean;
}

/** Of one provider, model and credential, or of one channel. */
export class CallGate implements Gate {
  readonly breaker: Breaker;
  readonly #deps: BreakerDeps;
  readonly #budget: RetryBudget;
  readonly #bulkhead = new Bulkhead();
  /** Null: as many calls at once as anybody wants. */
  readonly #adaptive: AdaptiveLimit | null;
  #refusals = 0;
  #restsUntil = -Infinity;
  #lastCallAt = -Infinity;

  constructor(name: string, deps: BreakerDeps, { isAdaptive }: { isAdaptive: boolean }) {
    this.#deps = deps;
    this.breaker = new Breaker(name, deps);
    this.#budget = new RetryBudget(deps.clock.monotonic());
    this.#adaptive = isAdaptive ? new AdaptiveLimit(LIMITS) : null;
  }

  get name(): string {
    return this.breaker.name;
  }

  /** Calls at once at present; null: any number. */
  get limit(): number | null {
    return this.#adaptive?.limit ?? null;
  }

  get inFlight(): number {
    return this.#bulkhead.inFlight;
  }

  /** Monotonic ms. */
  get lastCallAt(): number {
    return this.#lastCallAt;
  }

  shutMs(): number {
    return this.breaker.shutMs();
  }

  async enter({ orgId, isRetry }: { orgId: OrgId; isRetry: boolean }): Promise<Entry> {
    const answer = await this.breaker.ask();
    if (answer.kind === 'wait') return { kind: 'wait', ms: answer.ms, why: 'open' };
    // The one call that finds out how the other side is has to be made.
    if (answer.kind === 'probe') return { kind: 'go', pass: this.#begin(orgId, true) };
    const now = this.#deps.clock.monotonic();
    if (now < this.#restsUntil) return { kind: 'wait', ms: this.#spread(this.#restsUntil - now), why: 'limited' };
    const retryInMs = isRetry ? this.#budget.waitMs(now) : 0;
    if (retryInMs > 0) return { kind: 'wait', ms: this.#spread(retryInMs), why: 'retries' };
    const placeInMs = this.#bulkhead.enter(orgId, this.limit ?? Infinity, now);
    if (placeInMs > 0) return { kind: 'wait', ms: placeInMs, why: 'full' };
    if (isRetry) this.#budget.spend();
    else this.#budget.tried(now);
    return { kind: 'go', pass: this.#pass({ orgId, startedAt: now, inFlight: this.inFlight, isProbe: false }) };
  }

  #begin(orgId: OrgId, isProbe: boolean): Pass {
    const now = this.#deps.clock.monotonic();
    this.#bulkhead.enter(orgId, Infinity, now);
    return this.#pass({ orgId, startedAt: now, inFlight: this.inFlight, isProbe });
  }

  #pass(call: Call): Pass {
    let isOver = false;
    this.#lastCallAt = call.startedAt;
    return {
      leave: (result) => {
        if (isOver) return;
        isOver = true;
        this.#over(call, result);
      },
    };
  }

  #over(call: Call, result: CallResult): void {
    const endedAt = this.#deps.clock.monotonic();
    this.#bulkhead.leave(call.orgId, endedAt - call.startedAt);
    this.#tellBreaker(call, result);
    if (result.kind === 'ok') this.#refusals = 0;
    if (result.kind === 'limited') this.#refused(result.retryAfterMs, endedAt);
    const { startedAt, inFlight } = call;
    if (result.kind === 'ok' || result.kind === 'limited' || result.kind === 'late') this.#adaptive?.over({ startedAt, endedAt, inFlight, how: result });
  }

  /** Refusing a call, for whatever reason, is a sign of life. */
  #tellBreaker({ isProbe }: Call, { kind }: CallResult): void {
    switch (kind) {
      case 'failed':
      case 'late':
        return this.breaker.failed(isProbe);
      case 'unused':
        return isProbe ? this.breaker.gaveUp() : undefined;
      case 'ok':
      case 'limited':
      case 'refused':
        return this.breaker.succeeded(isProbe);
    }
  }

  #refused(retryAfterMs: number, now: number): void {
    this.#refusals += 1;
    if (this.#refusals < REFUSALS || retryAfterMs <= 0) return;
    this.#restsUntil = now + Math.min(retryAfterMs, LONGEST_REST_MS);
  }

  /** So that not all come back at one instant. */
  #spread(ms: number): number {
    return Math.ceil(ms * (1 + 0.2 * this.#deps.random()));
  }
}
