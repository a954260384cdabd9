import type { Clock } from '../domain/clock.ts';
import type { MarkAsk } from '../domain/duplicate.ts';
import { assertLimitAsk, assertMarkAsk, assertPenalty, assertReserveAsk, type LimitAsk, type LimitDecision, type LimitSource, type Reservation, type ReserveAsk } from '../domain/limit.ts';
import type { Limiter, LimiterStats, PenalizeAsk } from '../ports/limiter.ts';
import { Batches } from './batches.ts';
import { inTime } from './deadline.ts';
import { DenyCache } from './deny-cache.ts';

/** An ask, and the time that decides on it instead of the store's. Asks that travel together have the same. */
export interface Timed<Ask> {
  ask: Ask;
  now: number | null;
}

/** A store that processes share: each of its methods is one call for many asks, in their order, and atomic. */
export interface LimiterStore {
  readonly source: LimitSource;
  /** Asks of different orgs may not share a call. */
  readonly isSpread: boolean;
  decide(asks: Timed<LimitAsk>[], mode: 'check' | 'peek'): Promise<LimitDecision[]>;
  /** `maxWaitMs` below 0: a penalty of so many ms. */
  reserve(asks: Timed<ReserveAsk>[]): Promise<Reservation[]>;
  look(asks: Timed<MarkAsk>[]): Promise<boolean[]>;
  active(): Promise<{ keys: number; marks: number }>;
  /** @throws LimiterUnavailable when nothing can be sent at present. */
  assertReady(): void;
  ping(): Promise<unknown>;
  close(): Promise<void>;
}

export interface SharedOptions {
  clock: Clock;
  /** Deadline of a decision, ms. */
  timeoutMs: number;
  /** Asks in one call at the most; 1: a call for each. */
  maxBatch: number;
}

/** A limiter before a store: checks what it is asked, lets it travel in batches within a deadline, and remembers denials until they end. */
export class SharedLimiter implements Limiter {
  readonly #store: LimiterStore;
  readonly #options: SharedOptions;
  readonly #denied: DenyCache;
  readonly #checks: Batches<Timed<LimitAsk>, LimitDecision>;
  readonly #peeks: Batches<Timed<LimitAsk>, LimitDecision>;
  readonly #reserves: Batches<Timed<ReserveAsk>, Reservation>;
  readonly #marks: Batches<Timed<MarkAsk>, boolean>;

  constructor(store: LimiterStore, options: SharedOptions) {
    this.#store = store;
    this.#options = options;
    this.#denied = new DenyCache(options.clock);
    this.#checks = this.#batches((asks, sentAt) => this.#decide(asks, sentAt), ({ ask, now }) => (now === null ? this.#denied.find(ask) : null));
    this.#peeks = this.#batches((asks) => store.decide(asks, 'peek'));
    this.#reserves = this.#batches((asks) => store.reserve(asks));
    this.#marks = this.#batches((asks) => store.look(asks));
  }

  async check(ask: LimitAsk, now?: number): Promise<LimitDecision> {
    assertLimitAsk(ask);
    const denied = now === undefined ? this.#denied.find(ask) : null;
    return denied ?? this.#add(this.#checks, ask, now);
  }

  async peek(ask: LimitAsk, now?: number): Promise<LimitDecision> {
    assertLimitAsk(ask);
    return this.#add(this.#peeks, ask, now);
  }

  async reserve(ask: ReserveAsk, now?: number): Promise<Reservation> {
    assertReserveAsk(ask);
    return this.#add(this.#reserves, ask, now);
  }

  async penalize(ask: PenalizeAsk, now?: number): Promise<void> {
    assertPenalty(ask);
    const { org, rule, forMs } = ask;
    await this.#add(this.#reserves, { org, rules: [rule], maxWaitMs: -forMs }, now);
  }

  async seen(ask: MarkAsk, now?: number): Promise<{ isDuplicate: boolean; source: LimitSource }> {
    assertMarkAsk(ask);
    return { isDuplicate: await this.#add(this.#marks, ask, now), source: this.#store.source };
  }

  async stats(): Promise<LimiterStats> {
    const { keys, marks } = await this.#inTime(this.#store.active());
    return { source: this.#store.source, isAvailable: true, activeKeys: keys, activeMarks: marks, localKeys: 0, localMarks: 0 };
  }

  async ping(): Promise<void> {
    await this.#inTime(this.#store.ping());
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #add<Ask, Answer>(batches: Batches<Timed<Ask>, Answer>, ask: Ask, now: number | undefined): Promise<Answer> {
    this.#store.assertReady();
    return batches.add({ ask, now: now ?? null });
  }

  async #decide(asks: Timed<LimitAsk>[], sentAt: number): Promise<LimitDecision[]> {
    const decisions = await this.#store.decide(asks, 'check');
    for (const [n, decision] of decisions.entries()) {
      const { ask, now } = asks[n] as Timed<LimitAsk>;
      if (!decision.allowed && now === null) this.#denied.note(ask, decision, sentAt);
    }
    return decisions;
  }

  #batches<Ask extends { org: string }, Answer>(
    run: (asks: Timed<Ask>[], sentAt: number) => Promise<Answer[]>,
    known?: (asked: Timed<Ask>) => Answer | null,
  ): Batches<Timed<Ask>, Answer> {
    const { isSpread } = this.#store;
    const groupOf = ({ ask, now }: Timed<Ask>): string => (isSpread ? `${now} ${ask.org}` : `${now}`);
    return new Batches({ ...this.#options, groupOf, run, known });
  }

  #inTime<T>(answer: Promise<T>): Promise<T> {
    return inTime(answer, this.#options.timeoutMs, this.#options.clock);
  }
}
