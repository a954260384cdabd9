import { describe, expect } from 'vitest';
import { FairShare } from '../../src/domain/fair-share.ts';
import type { OrgShare, ShareRequest, ShareRule } from '../../src/domain/fair-share.ts';
import type { ChannelId, LaneId, OrgId } from '../../src/domain/ids.ts';
import type { ClaimRequest } from '../../src/ports/mailbox.ts';
import { on } from './scene.ts';
import type { Harness, Scene } from './scene.ts';

const A = 'org_a' as OrgId;
const B = 'org_b' as OrgId;
const C = 'org_c' as OrgId;

const share = (over: Partial<ShareRequest> = {}): ShareRequest => ({ now: 0, cap: 0, orgs: [], ...over });
const rule = (orgId: OrgId, over: Partial<OrgShare> = {}): OrgShare => ({ orgId, start: 0, weight: 1, cap: 0, ...over });

/** Lanes named `a0`, `a1`, … of an org, each younger than the one before. */
async function lanes(s: Scene, orgId: OrgId, count: number): Promise<LaneId[]> {
  const ids: LaneId[] = [];
  for (let n = 0; n < count; n++) {
    s.advance(1);
    const name = `${orgId.slice(-1)}${ids.length}`;
    ids.push((await s.arrive({ orgId, channelId: `chn_${orgId}` as ChannelId, conversation: name })).laneId);
  }
  return ids;
}

/** A lane of its own, with a job of a priority. */
async function job(s: Scene, orgId: OrgId, priority: number): Promise<LaneId> {
  s.advance(1);
  return (await s.store.mailbox.addJob({ kind: 'k', payload: null, orgId, laneId: s.id('lane'), priority })).laneId;
}

async function claimed(s: Scene, request: Partial<ClaimRequest>): Promise<LaneId[]> {
  return (await s.claim(request)).claimed.map(({ lease }) => lease.laneId);
}

/** Whose turn it is: the order in which `claim` gives lanes to orgs. */
export function fairSuite(harness: Harness): void {
  const test = on(harness);

  describe('mailbox.claim: whose turn it is', () => {
    test('orgs at the same place take turns, the eldest lane first', async (s) => {
      const [a, b, c] = [await lanes(s, A, 3), await lanes(s, B, 1), await lanes(s, C, 2)];
      expect(await claimed(s, {})).toEqual([a[0], b[0], c[0], a[1], c[1], a[2]]);
    });

    test('an org that was served beyond the present waits until the others have come as far', async (s) => {
      const [a, b] = [await lanes(s, A, 2), await lanes(s, B, 3)];
      const turn = share({ now: 5, orgs: [rule(A, { start: 7 })] });
      expect(await claimed(s, { share: turn })).toEqual([b[0], b[1], a[0], b[2], a[1]]);
    });

    test('a place in the past is the present: idleness earns nothing', async (s) => {
      const [a, b] = [await lanes(s, A, 3), await lanes(s, B, 3)];
      expect(await claimed(s, { limit: 4, share: share({ now: 100, orgs: [rule(B, { start: 3 })] }) })).toEqual([a[0], b[0], a[1], b[1]]);
    });

    test('weights say how many lanes an org gets for each of another', async (s) => {
      const [a, b] = [await lanes(s, A, 4), await lanes(s, B, 6)];
      expect(await claimed(s, { share: share({ orgs: [rule(B, { weight: 2 })] }) })).toEqual([a[0], b[0], b[1], a[1], b[2], b[3], a[2], b[4], b[5], a[3]]);
      expect((await s.claim()).claimed).toEqual([]);
    });

    test('a weight below one is a smaller part', async (s) => {
      const [a, b] = [await lanes(s, A, 2), await lanes(s, B, 5)];
      expect(await claimed(s, { limit: 6, share: share({ orgs: [rule(A, { weight: 0.25 })] }) })).toEqual([a[0], b[0], b[1], b[2], b[3], a[1]]);
    });

    test('priorities order the lanes of an org, and give it no turn of another', async (s) => {
      const [a, urgent, b] = [await job(s, A, 0), await job(s, A, -1), await job(s, B, 5)];
      expect(await claimed(s, {})).toEqual([urgent, b, a]);
      const [c, later] = [await job(s, C, 9), await job(s, B, -9)];
      expect(await claimed(s, { limit: 1 })).toEqual([c]);
      expect(await claimed(s, { limit: 1 })).toEqual([later]);
    });

    test('what is left over is announced', async (s) => {
      await lanes(s, A, 2);
      expect((await s.claim({ limit: 1 })).nextInMs).toBe(0);
      expect((await s.claim({ limit: 1 })).nextInMs).toBeGreaterThan(0);
    });
  });

  describe('mailbox.claim: caps of their own', () => {
    test('an org has its own cap, others the common one, and 0 is none', async (s) => {
      const [a, b, c] = [await lanes(s, A, 4), await lanes(s, B, 4), await lanes(s, C, 4)];
      const caps = share({ cap: 1, orgs: [rule(A, { cap: 2 }), rule(B, { cap: 0 })] });
      expect(await claimed(s, { share: caps })).toEqual([a[0], b[0], c[0], a[1], b[1], b[2], b[3]]);
      expect(await s.claim({ share: caps })).toMatchObject({ claimed: [] });
    });

    test('a full org takes no turn, and its lanes hide nobody else’s', async (s) => {
      const a = await lanes(s, A, 30);
      const b = await lanes(s, B, 1);
      const caps = share({ orgs: [rule(A, { cap: 1 })] });
      expect(await claimed(s, { limit: 1, share: caps })).toEqual([a[0]]);
      const next = await s.claim({ limit: 1, share: caps });
      expect(next.claimed.map(({ lease }) => lease.laneId)).toEqual(b);
      expect(next.nextInMs).toBeGreaterThan(0);
    });

    test('lanes asked for keep the caps, the order and the limit', async (s) => {
      const [a, b] = [await lanes(s, A, 3), await lanes(s, B, 2)];
      const only = [...b, ...a].toReversed();
      expect(await claimed(s, { only, limit: 3, share: share({ orgs: [rule(A, { cap: 1 })] }) })).toEqual([a[0], b[0], b[1]]);
      expect(await claimed(s, { only, limit: 3, share: share({ cap: 1 }) })).toEqual([]);
      expect(await claimed(s, { only, limit: 1 })).toEqual([a[1]]);
    });
  });

  describe('mailbox.claim with a process’s memory of whom it served', () => {
    for (const weights of [{ few: 1, many: 1 }, { few: 3, many: 1 }, { few: 1, many: 4 }]) {
      test(`a flood leaves the other org its part: weight ${weights.few} against ${weights.many}`, async (s) => {
        await lanes(s, A, 120);
        await lanes(s, B, 12);
        const rules = new Map<OrgId, ShareRule>([[A, { weight: weights.many, cap: 0 }], [B, { weight: weights.few, cap: 0 }]]);
        await serveFairly(s, { rules, until: { orgId: B, count: 12 } });
      });
    }
  });
}

/** Claims three lanes at a time; what two orgs got for their weights must never be further apart than one lane of each. */
async function serveFairly(s: Scene, { rules, until }: { rules: ReadonlyMap<OrgId, ShareRule>; until: { orgId: OrgId; count: number } }): Promise<void> {
  const fair = new FairShare(() => ({ cap: 0, orgs: rules }));
  const served = new Map([...rules.keys()].map((orgId) => [orgId, 0]));
  const bound = [...rules.values()].reduce((sum, { weight }) => sum + 1 / weight, 1e-9);
  while (served.get(until.orgId) !== until.count) {
    const orgIds = (await s.claim({ limit: 3, share: fair.request() })).claimed.map(({ lease }) => lease.orgId);
    fair.took(orgIds);
    for (const orgId of orgIds) {
      served.set(orgId, (served.get(orgId) ?? 0) + 1);
      if (served.get(until.orgId) === until.count) return;
      const normed = [...rules].map(([each, { weight }]) => (served.get(each) ?? 0) / weight);
      expect(Math.max(...normed) - Math.min(...normed)).toBeLessThanOrEqual(bound);
    }
  }
}
