/**
 * Retries are paid for by first tries, so that an outage is not answered by several times the usual traffic. As in Finagle
 * (https://twitter.github.io/finagle/guide/Clients.html#retries), with a trickle so that quiet times are not left without.
 */

/** What a first try pays in. */
const DEPOSIT = 0.15;
const MOST = 50;
const RESERVE = 5;
/** A retry every so often is free, ms. */
const TRICKLE_MS = 10_000;

export class RetryBudget {
  #balance = RESERVE;
  #at: number;

  /** Monotonic ms, here and below. */
  constructor(now: number) {
    this.#at = now;
  }

  tried(now: number): void {
    this.#drip(now);
    this.#balance = Math.min(this.#balance + DEPOSIT, MOST);
  }

  /** 0: there is enough for a retry. Otherwise when there will be at the latest, ms. */
  waitMs(now: number): number {
    this.#drip(now);
    return this.#balance >= 1 ? 0 : Math.ceil((1 - this.#balance) * TRICKLE_MS);
  }

  spend(): void {
    this.#balance -= 1;
  }

  #drip(now: number): void {
    this.#balance = Math.min(this.#balance + Math.max(0, now - this.#at) / TRICKLE_MS, MOST);
    this.#at = now;
  }
}
