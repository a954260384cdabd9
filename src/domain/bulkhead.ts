import type { OrgId } from './ids.ts';

/** An org that was turned away is taken to be waiting for so long, ms. */
const WAITS_MS = 6_000;
const SHORTEST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5_000;
/** A call's usual time before one was seen, ms. */
const FIRST_GUESS_MS = 1_000;

interface Waiting {
  /** When it was turned away first, and last, since it had a place. Monotonic ms, here and below. */
  since: number;
  last: number;
  /** When the first of its callers was told to come again. */
  comesAt: number;
}

/**
 * So many calls at once and no more, shared between the orgs that want any: each may have its part of them, and more as long as places are
 * left for the orgs that wait for their own. Those have them in the order in which they came. Whoever is turned away is told when a place will
 * probably be free: the first of an org that has less than its part for the next one, all others each later than the one before.
 */
export class Bulkhead {
  readonly #held = new Map<OrgId, number>();
  readonly #waiting = new Map<OrgId, Waiting>();
  #inFlight = 0;
  #usualMs = FIRST_GUESS_MS;
  #nextPlaceAt = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  /** 0: entered. Otherwise when to come again, ms. */
  enter(orgId: OrgId, limit: number, now: number): number {
    for (const [org, { last }] of this.#waiting) if (now - last > WAITS_MS) this.#waiting.delete(org);
    const part = Math.max(1, Math.floor(limit / new Set([...this.#held.keys(), ...this.#waiting.keys(), orgId]).size));
    const isOwed = this.#heldBy(orgId) < part;
    const ahead = this.#ahead(orgId, part, isOwed);
    if (limit - this.#inFlight <= ahead) return this.#turnAway(orgId, { now, isOwed, placeMs: this.#usualMs / Math.max(limit, 1), ahead });
    this.#waiting.delete(orgId);
    this.#held.set(orgId, this.#heldBy(orgId) + 1);
    this.#inFlight += 1;
    return 0;
  }

  leave(orgId: OrgId, tookMs: number): void {
    const held = this.#heldBy(orgId) - 1;
    if (held > 0) this.#held.set(orgId, held);
    else this.#held.delete(orgId);
    this.#inFlight -= 1;
    this.#usualMs += 0.1 * (tookMs - this.#usualMs);
  }

  #heldBy(orgId: OrgId): number {
    return this.#held.get(orgId) ?? 0;
  }

  /** Orgs whose turn it is first: they have less than their part, and have waited for longer, unless this one has its part already. */
  #ahead(orgId: OrgId, part: number, isOwed: boolean): number {
    const since = isOwed ? (this.#waiting.get(orgId)?.since ?? Infinity) : Infinity;
    let ahead = 0;
    for (const [other, waits] of this.#waiting) if (other !== orgId && waits.since < since && this.#heldBy(other) < part) ahead += 1;
    return ahead;
  }

  #turnAway(orgId: OrgId, { now, isOwed, placeMs, ahead }: { now: number; isOwed: boolean; placeMs: number; ahead: number }): number {
    const { since, comesAt } = this.#waiting.get(orgId) ?? { since: now, comesAt: now };
    const isFirst = isOwed && now >= comesAt;
    if (!isFirst) this.#nextPlaceAt = Math.max(this.#nextPlaceAt, now) + placeMs;
    const ms = isFirst ? (ahead + 1) * placeMs : this.#nextPlaceAt - now;
    const inMs = Math.round(Math.min(Math.max(ms, SHORTEST_WAIT_MS), LONGEST_WAIT_MS));
    this.#waiting.set(orgId, { since, last: now, comesAt: isFirst ? now + inMs : comesAt });
    return inMs;
  }
}
