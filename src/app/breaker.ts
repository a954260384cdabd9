import { CircuitState, CountBreaker } from 'cockatiel';
import type { Clock, Random } from '../domain/clock.ts';
import type { Log } from '../ports/telemetry.ts';
import type { BreakerBoard, OpenBreaker, ProbeAnswer } from '../ports/breaker-board.ts';
import type { BreakerView } from './breakers.ts';

/** It opens when more than half of the last calls failed. */
const RULE = { threshold: 0.5, size: 20, minimumNumberOfCalls: 5 };
/** How long it stays open, ms: doubling from the first to the last, up to a fifth more. */
export interface Rests {
  firstMs: number;
  lastMs: number;
}
const RESTS: Rests = { firstMs: 5_000, lastMs: 60_000 };
/** A probe that nobody ended is given up after this, ms. */
const PROBE_MS = 60_000;
/** How soon to look again while another one probes, ms. */
const PROBING_MS = 1_000;
/** Of many that wait each comes so much later than the one before, ms: a long wait must not become a storm of looks at the store. */
const APART_MS = 5;
const NOT_MANY = 100;
const FARTHEST_MS = 20_000;

/** Instants are monotonic ms. `opened`: how often in a row. */
type State =
  | { kind: 'closed' }
  | { kind: 'open'; until: number; opened: number }
  | { kind: 'half_open'; until: number; opened: number };

export interface BreakerDeps {
  clock: Clock;
  random: Random;
  log: Log;
  board: BreakerBoard;
  rests?: Rests;
}

/** `go`: call. `probe`: call, and what comes of it decides for all. */
export type BreakerAnswer = { kind: 'go' } | { kind: 'probe' } | { kind: 'wait'; ms: number };

/**
 * A circuit breaker of which all processes know: what one opens is open for all within a second, and one call of one process finds out
 * whether the other side is well again. When to open is cockatiel's rule; its policy is not used, because callers would wait in it
 * for the probe's end, with their slots (https://github.com/connor4312/cockatiel#circuitbreaker).
 */
export class Breaker {
  readonly name: string;
  readonly #deps: BreakerDeps;
  readonly #rule = new CountBreaker(RULE);
  /** When the last of those that wait comes again, at the earliest. */
  #lastComesAt = 0;
  #state: State = { kind: 'closed' };
  /** When the last word of ours was sent to the board; what it says of before is old. */
  #saidAt = -Infinity;

  constructor(name: string, deps: BreakerDeps) {
    this.name = name;
    this.#deps = deps;
  }

  get view(): BreakerView {
    return { name: this.name, state: this.#state.kind };
  }

  /** How long it lets nobody call, as far as is known here, ms. */
  shutMs(): number {
    const state = this.#state;
    const leftMs = state.kind === 'closed' ? 0 : state.until - this.#deps.clock.monotonic();
    if (leftMs <= 0) return 0;
    return this.#apart(state.kind === 'open' ? leftMs : PROBING_MS);
  }

  async ask(): Promise<BreakerAnswer> {
    const state = this.#state;
    if (state.kind === 'closed') return { kind: 'go' };
    const shutMs = this.shutMs();
    if (shutMs > 0) return { kind: 'wait', ms: shutMs };
    const now = this.#deps.clock.monotonic();
    this.#state = { kind: 'half_open', until: now + PROBE_MS, opened: state.opened };
    const answer = await this.#mayProbe();
    if (answer === 'yours') return { kind: 'probe' };
    // Another process closed it a moment ago. Trying as if it were open would open it for all of them again.
    if (answer === 'closed') {
      this.#reset();
      return { kind: 'go' };
    }
    // Somebody else tries. The board will tell what came of it.
    if (this.#state.kind === 'half_open') this.#state = { kind: 'open', until: this.#deps.clock.monotonic() + PROBING_MS, opened: state.opened };
    return { kind: 'wait', ms: this.#apart(PROBING_MS) };
  }

  succeeded(isProbe: boolean): void {
    if (isProbe) return this.#close();
    this.#rule.success(CircuitState.Closed);
  }

  failed(isProbe: boolean): void {
    const { kind } = this.#state;
    if (isProbe) return this.#open();
    if (this.#rule.failure(CircuitState.Closed) && kind === 'closed') this.#open();
  }

  /** The probe came to nothing: the next one may try at once, in whatever process. */
  gaveUp(): void {
    if (this.#state.kind !== 'half_open') return;
    const { opened } = this.#state;
    this.#state = { kind: 'open', until: this.#deps.clock.monotonic(), opened };
    this.#say(this.#deps.board.open(this.name, { forMs: 0, opened }));
  }

  /** Takes over what the board says of this breaker; null: nothing, so it is closed. `readAt`: when the board was asked. */
  adopt(shared: OpenBreaker | null, readAt: number): void {
    if (readAt <= this.#saidAt) return;
    const { kind } = this.#state;
    if (shared === null) {
      if (kind === 'open') this.#reset();
      return;
    }
    if (kind === 'half_open') return;
    const until = this.#deps.clock.monotonic() + Math.max(shared.leftMs, 0);
    if (kind === 'closed') this.#deps.log.warn({ breaker: this.name }, '[RESILIENCE] breaker open, as another process says');
    this.#state = { kind: 'open', until, opened: shared.opened };
  }

  #open(): void {
    const opened = this.#state.kind === 'closed' ? 1 : this.#state.opened + 1;
    const { firstMs, lastMs } = this.#deps.rests ?? RESTS;
    const forMs = this.#jittered(Math.min(firstMs * 2 ** (opened - 1), lastMs));
    this.#state = { kind: 'open', until: this.#deps.clock.monotonic() + forMs, opened };
    this.#deps.log.warn({ breaker: this.name, opened, forMs }, '[RESILIENCE] breaker open');
    this.#say(this.#deps.board.open(this.name, { forMs, opened }));
  }

  #close(): void {
    this.#reset();
    this.#say(this.#deps.board.close(this.name));
  }

  #reset(): void {
    this.#state = { kind: 'closed' };
    this.#rule.success(CircuitState.HalfOpen);
    this.#deps.log.info({ breaker: this.name }, '[RESILIENCE] breaker closed');
  }

  /** The board is how others learn of it; this process knows already. */
  #say(said: Promise<void>): void {
    this.#saidAt = Infinity;
    said
      .catch((error: unknown) => this.#deps.log.warn({ breaker: this.name, err: error }, 'other processes could not be told of a breaker'))
      .finally(() => {
        this.#saidAt = this.#deps.clock.monotonic();
      });
  }

  async #mayProbe(): Promise<ProbeAnswer> {
    try {
      return await this.#deps.board.probe(this.name, PROBE_MS);
    } catch (error) {
      this.#deps.log.warn({ breaker: this.name, err: error }, 'could not ask who tries a breaker; trying');
      return 'yours';
    }
  }

  #apart(ms: number): number {
    const now = this.#deps.clock.monotonic();
    this.#lastComesAt = Math.min(Math.max(this.#lastComesAt, now) + APART_MS, now + FARTHEST_MS);
    return Math.max(this.#jittered(ms), Math.ceil(this.#lastComesAt - now - NOT_MANY * APART_MS));
  }

  #jittered(ms: number): number {
    return Math.ceil(ms * (1 + 0.2 * this.#deps.random()));
  }
}
