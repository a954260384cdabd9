import type { Clock } from '../domain/clock.ts';
import type { LimitAsk, LimitDecision } from '../domain/limit.ts';

interface Denial {
  /** On the monotonic clock. */
  until: number;
  decision: LimitDecision;
}

/** Denials remembered at the most. */
const MOST = 10_000;

/** One text for asks that must be decided alike: the same rules with the same limits, and the same cost. */
export function identityOf({ org, rules, cost = 1 }: LimitAsk): string {
  let text = `${cost} ${org.length} ${org}`;
  for (const { name, key, limit, windowMs } of rules) text += `\n${name} ${limit} ${windowMs} ${key.length} ${key}`;
  return text;
}

/**
 * Denials of a store, until they end. The wait of a denial is exact and nothing is ever given back, so the same ask before its end would be denied
 * by the store, too: a flood costs the store one call per wait. Only of the very same rules, since only for those the wait is known.
 */
export class DenyCache {
  readonly #clock: Clock;
  readonly #denials = new Map<string, Denial>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(ask: LimitAsk): LimitDecision | null {
    if (this.#denials.size === 0) return null;
    const identity = identityOf(ask);
    const denial = this.#denials.get(identity);
    if (!denial) return null;
    const leftMs = Math.ceil(denial.until - this.#clock.monotonic());
    if (leftMs > 0) return { ...denial.decision, retryAfterMs: leftMs };
    this.#denials.delete(identity);
    return null;
  }

  /** `askedAt`: when the ask was sent, on the monotonic clock. The store saw it later, so its denial ends no earlier than this says. */
  note(ask: LimitAsk, decision: LimitDecision, askedAt: number): void {
    if (decision.allowed) return;
    const [oldest] = this.#denials.size >= MOST ? this.#denials.keys() : [];
    if (oldest !== undefined) this.#denials.delete(oldest);
    this.#denials.set(identityOf(ask), { until: askedAt + decision.retryAfterMs, decision });
  }
}
