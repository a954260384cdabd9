import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairShare, sharesOf, startOf } from '../../src/domain/fair-share.ts';
import type { ShareRule, ShareRequest } from '../../src/domain/fair-share.ts';
import type { OrgId } from '../../src/domain/ids.ts';

const A = 'org_a' as OrgId;
const B = 'org_b' as OrgId;

const uncapped = (weights: Iterable<[OrgId, number]>) => new Map<OrgId, ShareRule>([...weights].map(([orgId, weight]) => [orgId, { weight, cap: 0 }]));

/** What a store does: up to `limit` lanes, lowest start first; of several the org that waits longest, which here is the first. */
function claim(waiting: Map<OrgId, number>, share: ShareRequest, limit: number): OrgId[] {
  const shareOf = sharesOf(share);
  const given: OrgId[] = [];
  while (given.length < limit) {
    const open = [...waiting].filter(([, lanes]) => lanes > 0).map(([orgId]) => orgId);
    const start = (orgId: OrgId): number => startOf(shareOf(orgId), share.now, given.filter((each) => each === orgId).length);
    const [first] = open.toSorted((a, b) => start(a) - start(b));
    if (first === undefined) break;
    waiting.set(first, (waiting.get(first) as number) - 1);
    given.push(first);
  }
  return given;
}

describe('start-time fair queueing', () => {
  it('lists only orgs with a rule or beyond the present', () => {
    const fair = new FairShare(() => ({ cap: 5, orgs: uncapped([[B, 2]]) }));
    expect(fair.request()).toEqual({ now: 0, cap: 5, orgs: [{ orgId: B, start: 0, weight: 2, cap: 0 }] });
    fair.took([A]);
    expect(fair.request().orgs).toEqual([{ orgId: A, start: 1, weight: 1, cap: 5 }, { orgId: B, start: 0, weight: 2, cap: 0 }]);
    fair.took([B, B, A, B]);
    expect(fair.request()).toMatchObject({ now: 1, orgs: [{ orgId: A, start: 2 }, { orgId: B, start: 1.5 }] });
  });

  it('new rules count at the next claim', () => {
    let weight = 1;
    const fair = new FairShare(() => ({ cap: 0, orgs: uncapped([[A, weight]]) }));
    fair.took([A]);
    weight = 4;
    expect(fair.request().orgs[0]).toMatchObject({ start: 1, weight: 4 });
    fair.took([A]);
    expect(fair.request().orgs[0]?.start).toBe(1.25);
  });

  it('an org that comes back from idleness starts at the present', () => {
    const fair = new FairShare(() => ({ cap: 0, orgs: new Map() }));
    fair.took([B]);
    for (let n = 0; n < 1000; n++) fair.took([A]);
    const waiting = new Map([[A, 100], [B, 100]]);
    const next = claim(waiting, fair.request(), 10);
    expect(next.filter((orgId) => orgId === B)).toHaveLength(5);
  });

  it('forgets orgs that the present has reached', () => {
    const fair = new FairShare(() => ({ cap: 0, orgs: new Map() }));
    for (let n = 0; n < 500; n++) fair.took([`org_${n}` as OrgId]);
    fair.took([A, A, A]);
    expect(fair.request().orgs.map(({ orgId }) => orgId)).toEqual([A]);
  });
});

interface Scenario {
  weights: number[];
  limits: number[];
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  weights: fc.array(fc.constantFrom(0.25, 0.5, 1, 1, 2, 5), { minLength: 2, maxLength: 6 }),
  limits: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 20, maxLength: 80 }),
});

describe('the bound of start-time fair queueing', () => {
  const orgsOf = (weights: number[]): [OrgId, number][] => weights.map((weight, n) => [`org_${n}` as OrgId, weight]);

  /** Theorem 1 of the paper, with lanes of length 1: |W(f)/w(f) - W(m)/w(m)| <= 1/w(f) + 1/w(m) over any interval in which both wait. */
  it('any two orgs that wait get their parts to within one lane of each, over any interval', () => {
    fc.assert(
      fc.property(scenario, ({ weights, limits }) => {
        const orgs = orgsOf(weights);
        const fair = new FairShare(() => ({ cap: 0, orgs: uncapped(orgs) }));
        const waiting = new Map(orgs.map(([orgId]) => [orgId, Infinity]));
        const order: OrgId[] = [];
        for (const limit of limits) {
          const given = claim(waiting, fair.request(), limit);
          fair.took(given);
          order.push(...given);
        }
        for (const [f, wf] of orgs) for (const [m, wm] of orgs) if (f < m) expect(furthest(order, [f, wf], [m, wm])).toBeLessThanOrEqual(1 / wf + 1 / wm + 1e-9);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  /** Theorem 4, for slots that all serve alike: ahead of an org's first lane go at most one lane of each other org, and a part of what it earns meanwhile. */
  it('an org that comes to a flood waits for one lane of each other at the most, whatever came before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 30 }), (others, limits) => {
        const fair = new FairShare(() => ({ cap: 0, orgs: new Map() }));
        const flood = orgsOf(Array.from({ length: others }, () => 1)).map(([orgId]): [OrgId, number] => [orgId, Infinity]);
        for (const limit of limits) fair.took(claim(new Map(flood), fair.request(), limit));
        const waiting = new Map([...flood, [A, 1]]);
        let ahead = 0;
        while (waiting.get(A) === 1) {
          const given = claim(waiting, fair.request(), 1);
          fair.took(given);
          if (given[0] !== A) ahead += 1;
        }
        expect(ahead).toBeLessThanOrEqual(others);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

/** The furthest that two orgs' services for their weights are apart over any interval of an order. */
function furthest(order: OrgId[], [f, wf]: [OrgId, number], [m, wm]: [OrgId, number]): number {
  let [apart, lowest, highest] = [0, 0, 0];
  let most = 0;
  for (const orgId of order) {
    if (orgId === f) apart += 1 / wf;
    if (orgId === m) apart -= 1 / wm;
    most = Math.max(most, apart - lowest, highest - apart);
    lowest = Math.min(lowest, apart);
    highest = Math.max(highest, apart);
  }
  return most;
}
