/**
 * Start-time fair queueing over orgs: each claim goes to the org whose turn it is, so that one org's flood delays another's
 * message by no more than the work in hand. An org that comes back from idleness starts at the present, without credit for
 * the time it asked nothing. Goyal, Vin, Cheng: "Start-time Fair Queueing" (SIGCOMM 1996), https://dl.acm.org/doi/10.1145/248157.248171
 *
 * The state is one process's and may be lost: each process serves the orgs fairly by itself, so together they do.
 */
import type { OrgId } from './ids.ts';

/** What one org is entitled to. */
export interface ShareRule {
  /** Lanes of this org for each lane of an org of weight 1. More than 0. */
  weight: number;
  /** Live leases the org may hold, over all processes; 0: no cap. */
  cap: number;
}

/** An org's place in the order, for one claim. */
export interface OrgShare extends ShareRule {
  orgId: OrgId;
  /** Virtual time from which its next lane may start. */
  start: number;
}

/** How the next lanes are to be shared. Orgs that are not listed start at `now`, with weight 1 and the cap given here. */
export interface ShareRequest {
  now: number;
  cap: number;
  orgs: OrgShare[];
}

export interface ShareRules {
  /** Live leases of an org without a rule of its own; 0: no cap. */
  cap: number;
  /** Orgs with a rule of their own. */
  orgs: ReadonlyMap<OrgId, ShareRule>;
}

/** Looks up an org's place in the order. */
export function sharesOf({ now, cap, orgs }: ShareRequest): (orgId: OrgId) => OrgShare {
  const listed = new Map(orgs.map((share) => [share.orgId, share]));
  return (orgId) => listed.get(orgId) ?? { orgId, start: now, weight: 1, cap };
}

/** When the n-th lane (from 0) that a claim gives to an org would start, in virtual time. The lowest start goes first. */
export function startOf(share: Pick<OrgShare, 'start' | 'weight'>, now: number, n: number): number {
  return Math.max(share.start, now) + n / share.weight;
}

/** Remembers what each org was served. */
export class FairShare {
  readonly #rules: () => ShareRules;
  #now = 0;
  /** Only orgs that were served beyond the present: the others start at it anyway. */
  readonly #next = new Map<OrgId, number>();

  /** `rules` is asked at each claim, so that new ones count at once. */
  constructor(rules: () => ShareRules) {
    this.#rules = rules;
  }

  request(): ShareRequest {
    const { cap, orgs } = this.#rules();
    const listed = new Set([...this.#next.keys(), ...orgs.keys()]);
    return { now: this.#now, cap, orgs: [...listed].map((orgId) => this.#shareOf(orgId, { cap, orgs })) };
  }

  /** The lanes that a claim gave us belong to these orgs, in the order of their start. */
  took(orgIds: Iterable<OrgId>): void {
    const rules = this.#rules();
    for (const orgId of orgIds) {
      const share = this.#shareOf(orgId, rules);
      const startsAt = startOf(share, this.#now, 0);
      this.#next.set(orgId, startsAt + 1 / share.weight);
      this.#now = Math.max(this.#now, startsAt);
    }
    for (const [orgId, next] of this.#next) if (next <= this.#now) this.#next.delete(orgId);
  }

  #shareOf(orgId: OrgId, { cap, orgs }: ShareRules): OrgShare {
    const rule = orgs.get(orgId) ?? { weight: 1, cap };
    return { orgId, start: this.#next.get(orgId) ?? this.#now, ...rule };
  }
}
