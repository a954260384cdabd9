import type { OrgId } from './ids.ts';

/** An org that was turned away is taken to be waiting for so long, ms. */
const WAITS_MS = 6_000;
const SHORTEST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000;
/** A call's usual time before one was seen, ms. */
const FIRST_GUESS_MS = 1_000;

/**
 * So many calls at once and no more, shared between the orgs that want any: each may have its part of them, and more as long as no other
 * org waits for its own. Whoever is turned away is told when a place will probably be free, each one later than the one before.
 */
export class Bulkhead {
  readonly #held = new Map<OrgId, number>();
  /** When each org was turned away last. Monotonic ms, here and below. */
  readonly #turnedAway = new Map<OrgId, number>();
  #inFlight = 0;
  #usualMs = FIRST_GUESS_MS;
  #nextPlaceAt = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  /** 0: entered. Otherwise when to come again, ms. */
  enter(orgId: OrgId, limit: number, now: number): number {
    if (this.#inFlight < limit && this.#mayHaveMore(orgId, limit, now)) {
      this.#turnedAway.delete(orgId);
      this.#held.set(orgId, (this.#held.get(orgId) ?? 0) + 1);
      this.#inFlight += 1;
      return 0;
    }
    this.#turnedAway.set(orgId, now);
    this.#nextPlaceAt = Math.max(this.#nextPlaceAt, now) + this.#usualMs / Math.max(limit, 1);
    return Math.round(Math.min(Math.max(this.#nextPlaceAt - now, SHORTEST_WAIT_MS), LONGEST_WAIT_MS));
  }

  leave(orgId: OrgId, tookMs: number): void {
    const held = (this.#held.get(orgId) ?? 1) - 1;
    if (held > 0) this.#held.set(orgId, held);
    else this.#held.delete(orgId);
    this.#inFlight -= 1;
    this.#usualMs += 0.1 * (tookMs - this.#usualMs);
  }

  #mayHaveMore(orgId: OrgId, limit: number, now: number): boolean {
    for (const [other, at] of this.#turnedAway) if (now - at > WAITS_MS) this.#turnedAway.delete(other);
    const wanting = new Set([...this.#held.keys(), ...this.#turnedAway.keys(), orgId]);
    const part = Math.max(1, Math.floor(limit / wanting.size));
    const isOtherShort = [...this.#turnedAway.keys()].some((other) => other !== orgId && (this.#held.get(other) ?? 0) < part);
    return !isOtherShort || (this.#held.get(orgId) ?? 0) < part;
  }
}
