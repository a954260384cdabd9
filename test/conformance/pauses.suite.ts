import { describe, expect } from 'vitest';
import { jobId, type ChannelId, type LaneId, type OrgId } from '../../src/domain/ids.ts';
import type { PauseTarget } from '../../src/ports/controls.ts';
import type { ClaimRequest } from '../../src/ports/mailbox.ts';
import { CHANNEL, LEASE_MS, on, ORG, OTHER_ORG } from './scene.ts';
import type { Harness, Scene } from './scene.ts';

const ALL: PauseTarget = { scope: 'all' };
const THE_ORG: PauseTarget = { scope: 'org', orgId: ORG };
const THE_CHANNEL: PauseTarget = { scope: 'channel', channelId: CHANNEL };
const OTHER_CHANNEL = 'chn_b' as ChannelId;

async function lanes(s: Scene, request: Partial<ClaimRequest> = {}): Promise<LaneId[]> {
  return (await s.claim(request)).claimed.map(({ lease }) => lease.laneId);
}

/** Claims as an engine does: again at once while the store says so. */
async function claimAll(s: Scene, limit: number): Promise<{ lanes: LaneId[]; looks: number }> {
  const all: LaneId[] = [];
  for (let looks = 1; ; looks++) {
    const { claimed, nextInMs } = await s.claim({ limit });
    all.push(...claimed.map(({ lease }) => lease.laneId));
    if (nextInMs !== 0) return { lanes: all, looks };
  }
}

const arriveIn = (s: Scene, channelId: ChannelId, conversation: string, orgId: OrgId = ORG) => s.arrive({ channelId, conversation, orgId });

/** What operators may stop, and what happens meanwhile. */
export function pausesSuite(harness: Harness): void {
  const test = on(harness);

  describe('controls', () => {
    test('a pause is kept once, with its time, until it is lifted', async (s) => {
      const { controls } = s.store;
      const first = s.clock.now();
      expect(await controls.pause(THE_CHANNEL)).toBe(true);
      s.advance(5);
      expect(await controls.pause(ALL)).toBe(true);
      expect(await controls.pause(THE_CHANNEL)).toBe(false);
      s.advance(5);
      await controls.pause(THE_ORG);
      expect(await controls.pauses()).toEqual([
        { target: THE_CHANNEL, since: first }, { target: ALL, since: first + 5 }, { target: THE_ORG, since: first + 10 },
      ]);
      expect(await controls.resume(ALL)).toBe(true);
      expect(await controls.resume(ALL)).toBe(false);
      expect((await controls.pauses()).map(({ target }) => target)).toEqual([THE_CHANNEL, THE_ORG]);
    });

    test('the engine’s mode is not said until it is set, and then the last one', async (s) => {
      const { controls } = s.store;
      expect(await controls.engineMode()).toBe(null);
      await controls.setEngineMode('both');
      await controls.setEngineMode('bullmq');
      expect(await controls.engineMode()).toBe('bullmq');
    });
  });

  describe('mailbox.claim: paused', () => {
    test('everything: nothing is taken, nor asked for again, until it is resumed', async (s) => {
      const { laneId } = await s.arrive();
      await s.store.controls.pause(ALL);
      expect(await s.claim()).toEqual({ claimed: [], nextInMs: null });
      expect(await s.claim({ only: [laneId] })).toEqual({ claimed: [], nextInMs: null });
      await s.store.controls.resume(ALL);
      expect(await lanes(s)).toEqual([laneId]);
    });

    for (const target of [THE_ORG, THE_CHANNEL]) {
      test(`one ${target.scope}: its lanes wait, in their order, and hide nobody else's`, async (s) => {
        const own = [await arriveIn(s, CHANNEL, 'a'), await arriveIn(s, CHANNEL, 'b'), await arriveIn(s, CHANNEL, 'c')].map(({ laneId }) => laneId);
        const other = await arriveIn(s, OTHER_CHANNEL, 'd', OTHER_ORG);
        await s.store.controls.pause(target);
        expect(await lanes(s, { only: own })).toEqual([]);
        const first = await s.claim({ limit: 1 });
        expect(first.claimed.map(({ lease }) => lease.laneId)).toEqual([other.laneId]);
        expect((await claimAll(s, 2)).lanes).toEqual([]);
        expect((await s.claim()).nextInMs).toBe(LEASE_MS);
        await s.store.controls.resume(target);
        expect((await claimAll(s, 2)).lanes).toEqual(own);
      });

      test(`one ${target.scope}: what arrives meanwhile waits too, in its place`, async (s) => {
        const { laneId } = await s.arrive();
        await s.store.controls.pause(target);
        expect(await lanes(s)).toEqual([]);
        await s.arrive();
        const late = await s.arrive({ conversation: 'late' });
        expect(await lanes(s)).toEqual([]);
        expect(await s.store.reports.counts()).toMatchObject({ waiting: 3, active: 0 });
        await s.store.controls.resume(target);
        const { claimed } = await s.claim();
        expect(claimed.map(({ lease, open }) => [lease.laneId, open.jobs.length])).toEqual([[laneId, 2], [late.laneId, 1]]);
      });

      test(`one ${target.scope}: a takeover meanwhile is found when it is resumed`, async (s) => {
        const { laneId, conversationId } = await s.arrive();
        await s.store.controls.pause(target);
        expect(await lanes(s)).toEqual([]);
        await s.owner('human', conversationId);
        expect(await lanes(s)).toEqual([]);
        await s.store.controls.resume(target);
        const { lease, open } = await s.claimOne();
        expect([lease.laneId, open.conversation?.owner]).toEqual([laneId, 'human']);
      });

      test(`one ${target.scope}: what waited for its time waits on, and a person's takeover does not let it out`, async (s) => {
        const { conversationId } = await s.arrive({ debounceMs: 700 });
        await s.arrive({ conversation: 'other', debounceMs: 500 });
        await s.store.controls.pause(target);
        await s.owner('human', conversationId);
        expect(await lanes(s)).toEqual([]);
        s.advance(1000);
        expect(await s.claim()).toEqual({ claimed: [], nextInMs: null });
        await s.store.controls.resume(target);
        expect(await lanes(s)).toHaveLength(2);
      });

      test(`one ${target.scope}: what is in hand goes on, and comes back into the pause`, async (s) => {
        await s.arrive();
        const { lease } = await s.claimOne();
        await s.store.controls.pause(target);
        await s.answer(lease, [1]);
        await s.arrive();
        expect(await s.store.mailbox.release(lease, { parkMs: 0 })).toBe('released');
        expect(await s.claim()).toEqual({ claimed: [], nextInMs: null });
        await s.store.controls.resume(target);
        expect((await s.claimOne()).open.jobs.map((job) => job.seq)).toEqual([2]);
      });

      test(`one ${target.scope}: a lease that ends meanwhile is given to nobody, and its holder may go on`, async (s) => {
        await s.arrive();
        const { lease } = await s.claimOne();
        await s.store.controls.pause(target);
        s.advance(LEASE_MS + 1);
        expect(await s.claim({ owner: 'w2' })).toEqual({ claimed: [], nextInMs: null });
        await s.begin(lease, [1]);
        await s.store.controls.resume(target);
        expect(await s.claim({ owner: 'w2' })).toEqual({ claimed: [], nextInMs: LEASE_MS });
        s.advance(LEASE_MS);
        const taken = await s.claimOne({ owner: 'w2' });
        expect(taken.open.jobs).toMatchObject([{ seq: 1, crashes: 1, suspect: true }]);
        await expect(s.store.mailbox.renew(lease)).rejects.toThrow('another worker');
      });

      test(`one ${target.scope}: the holder's lease, let go of while its lane was set aside, is not in the way`, async (s) => {
        await s.arrive();
        const { lease, open } = await s.claimOne();
        await s.store.controls.pause(target);
        s.advance(LEASE_MS + 1);
        expect(await lanes(s)).toEqual([]);
        await s.answer(lease, [1]);
        expect(await s.store.mailbox.release(lease, { drained: open.seen })).toBe('released');
        await s.arrive();
        expect(await lanes(s)).toEqual([]);
        await s.store.controls.resume(target);
        expect((await s.claimOne()).open.jobs.map((job) => job.seq)).toEqual([2]);
      });

      test(`one ${target.scope}: a dead letter retried meanwhile waits`, async (s) => {
        const { laneId } = await s.die();
        await s.store.controls.pause(target);
        await s.store.deadLetters.retry(jobId(laneId, 1));
        expect(await lanes(s)).toEqual([]);
        await s.store.controls.resume(target);
        expect(await lanes(s)).toEqual([laneId]);
      });
    }

    test('a channel is not its org: another channel of the org goes on', async (s) => {
      const own = await arriveIn(s, CHANNEL, 'a');
      const other = await arriveIn(s, OTHER_CHANNEL, 'b');
      await s.store.controls.pause(THE_CHANNEL);
      expect(await lanes(s, { limit: 1 })).toEqual([other.laneId]);
      await s.store.controls.pause(THE_ORG);
      await s.store.controls.resume(THE_CHANNEL);
      expect(await lanes(s)).toEqual([]);
      await s.store.controls.resume(THE_ORG);
      expect(await lanes(s)).toEqual([own.laneId]);
    });

    test('a job of an org’s own lane belongs to no channel', async (s) => {
      await s.store.controls.pause(THE_CHANNEL);
      const { laneId } = await s.store.mailbox.addJob({ kind: 'k', payload: null, orgId: ORG, laneId: s.id('lane') });
      expect(await lanes(s)).toEqual([laneId]);
    });

    test('caps count what is in hand of what is paused', async (s) => {
      for (const conversation of ['a', 'b']) await arriveIn(s, CHANNEL, conversation);
      await arriveIn(s, OTHER_CHANNEL, 'c');
      const share = { now: 0, cap: 1, orgs: [] };
      expect(await lanes(s, { share })).toHaveLength(1);
      await s.store.controls.pause(THE_CHANNEL);
      expect(await s.claim({ share })).toMatchObject({ claimed: [], nextInMs: LEASE_MS });
    });

    test('more lanes than one claim sets aside: each is met once, and all come back in order', async (s) => {
      const own: LaneId[] = [];
      for (let n = 0; n < 1_100; n++) own.push((await arriveIn(s, CHANNEL, `a${n}`)).laneId);
      const other = await arriveIn(s, OTHER_CHANNEL, 'b');
      await s.store.controls.pause(THE_CHANNEL);
      const found = await claimAll(s, 3);
      expect(found.lanes).toEqual([other.laneId]);
      expect(found.looks).toBeLessThanOrEqual(3);
      expect((await claimAll(s, 3)).looks).toBe(1);
      await s.store.controls.resume(THE_CHANNEL);
      expect((await claimAll(s, 300)).lanes).toEqual(own);
    });
  });
}
