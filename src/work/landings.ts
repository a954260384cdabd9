/** Entries kept at the most; those of parts that another process finished are never asked for again. */
const MAX_KEPT = 10_000;

/** A map that forgets its oldest entries. */
class Recent<V> {
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > MAX_KEPT && !oldest.done) this.#entries.delete(oldest.value);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

/**
 * When the requests of each try can no longer land, on this process's own clock. Known per try: what another worker writes later is
 * another try, of which nothing is known here.
 */
export class Landings {
  readonly #landedAt = new Recent<number>();

  /** A request of this try is about to be written. */
  writes(tryKey: string, landedAt: number): void {
    this.#landedAt.set(tryKey, landedAt);
  }

  /** Monotonic ms; `assumed` for a try that somebody else wrote, and from then on. */
  landedAt(tryKey: string, assumed: number): number {
    const known = this.#landedAt.get(tryKey);
    if (known !== undefined) return known;
    this.#landedAt.set(tryKey, assumed);
    return assumed;
  }
}

/** How often and since when a platform could not say what it was asked. */
export class Patience {
  readonly #asked = new Recent<{ since: number; asks: number }>();

  /** Counts one more vain question, at this monotonic ms. */
  inVain(key: string, now: number): { asks: number; forMs: number } {
    const before = this.#asked.get(key) ?? { since: now, asks: 0 };
    const asks = before.asks + 1;
    this.#asked.set(key, { since: before.since, asks });
    return { asks, forMs: now - before.since };
  }

  forget(key: string): void {
    this.#asked.delete(key);
  }
}
