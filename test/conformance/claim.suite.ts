import { describe, expect } from 'vitest';
import { MAX_PARK_MS } from '../../src/domain/lane.ts';
import type { LaneId } from '../../src/domain/ids.ts';
import { LEASE_MS, ORG, OTHER_ORG, on } from './scene.ts';
import type { Harness } from './scene.ts';

/** What `claim`, `open`, `renew` and `release` promise of every store. */
export function claimSuite(harness: Harness): void {
  const test = on(harness);

  describe('mailbox.claim', () => {
    test('nothing to do: nothing claimed, nothing to wait for', async (s) => {
      expect(await s.claim()).toEqual({ claimed: [], nextInMs: null });
    });

    test('a lane is held by one: of two claims at once exactly one gets it', async (s) => {
      const { laneId } = await s.arrive();
      for (const only of [undefined, [laneId]]) {
        const both = await Promise.all([s.claim({ owner: 'w1', only }), s.claim({ owner: 'w2', only })]);
        expect(both.map((each) => each.claimed.length).sort()).toEqual([0, 1]);
        s.advance(LEASE_MS + 1);
      }
    });

    test('a lane named twice is claimed once', async (s) => {
      const { laneId } = await s.arrive();
      expect((await s.claim({ only: [laneId, laneId] })).claimed).toHaveLength(1);
    });

    test('takes only the lanes asked for, and at most the limit, elders first', async (s) => {
      const a = await s.arrive({ conversation: 'a' });
      const b = await s.arrive({ conversation: 'b' });
      const c = await s.arrive({ conversation: 'c' });
      expect((await s.claim({ only: [c.laneId, 'cnv_none' as LaneId] })).claimed.map((each) => each.lease.laneId)).toEqual([c.laneId]);
      const first = await s.claim({ limit: 1 });
      expect(first.claimed.map((each) => each.lease.laneId)).toEqual([a.laneId]);
      expect(first.nextInMs).toBe(0);
      expect((await s.claim()).claimed.map((each) => each.lease.laneId)).toEqual([b.laneId]);
    });

    test('an expired lease can be taken over, and the epoch rises', async (s) => {
      await s.arrive();
      const first = await s.claimOne();
      s.advance(LEASE_MS - 1);
      expect((await s.claim({ owner: 'w2' })).claimed).toEqual([]);
      s.advance(2);
      const second = await s.claimOne({ owner: 'w2' });
      expect(second.lease.epoch).toBeGreaterThan(first.lease.epoch);
    });

    test('says how long until a held lane may be claimed', async (s) => {
      await s.arrive();
      await s.claimOne();
      s.advance(10_000);
      expect((await s.claim()).nextInMs).toBe(LEASE_MS - 10_000);
    });

    test('a drained lane is not claimable', async (s) => {
      await s.arrive();
      const { lease, open } = await s.claimOne();
      await s.answer(lease, [1]);
      expect(await s.store.mailbox.release(lease, { drained: open.seen })).toBe('released');
      expect(await s.claim()).toEqual({ claimed: [], nextInMs: null });
    });

    test('reads the conversation, its open jobs and the stored reply of the first', async (s) => {
      const { lease, turn } = await s.planned({ parts: ['a', 'b'] });
      await s.arrive();
      const open = await s.store.mailbox.open(lease);
      expect(open).toMatchObject({ seen: 2, conversation: { owner: 'bot', ownerEpoch: 0, externalId: 'c1' }, turn: { id: turn.id, members: [1], sends: [{ part: 0 }, { part: 1 }] } });
      expect(open.jobs).toMatchObject([{ seq: 1, turnId: turn.id }, { seq: 2, turnId: null, state: 'available', attempts: 0, suspect: false, readyInMs: 0, ageMs: 0, ownerEpoch: 0 }]);
    });
  });

  describe('mailbox.claim: cap of an org', () => {
    const three = async (s: Parameters<Parameters<typeof test>[1]>[0]) => {
      for (const conversation of ['a', 'b', 'c']) await s.arrive({ conversation });
      await s.arrive({ conversation: 'o', orgId: OTHER_ORG, channelId: 'chn_o' as never });
    };

    test('holds within one claim and over several, and leaves other orgs alone', async (s) => {
      await three(s);
      const first = await s.claim({ share: { now: 0, cap: 2, orgs: [] } });
      expect(first.claimed.map((each) => each.lease.orgId).sort()).toEqual([ORG, ORG, OTHER_ORG]);
      expect((await s.claim({ share: { now: 0, cap: 2, orgs: [] } })).claimed).toEqual([]);
    });

    test('is derived from live leases: a crash gives the place back with the lease', async (s) => {
      await three(s);
      await s.claim({ share: { now: 0, cap: 2, orgs: [] }, limit: 2 });
      s.advance(LEASE_MS + 1);
      const again = await s.claim({ share: { now: 0, cap: 2, orgs: [] } });
      expect(again.claimed.filter((each) => each.lease.orgId === ORG)).toHaveLength(2);
    });

    test('a released lane frees its place', async (s) => {
      await three(s);
      const { claimed } = await s.claim({ share: { now: 0, cap: 1, orgs: [] } });
      await s.store.mailbox.release(claimed[0]!.lease, { parkMs: 60_000 });
      expect((await s.claim({ share: { now: 0, cap: 1, orgs: [] } })).claimed.filter((each) => each.lease.orgId === ORG)).toHaveLength(1);
    });

    test('a lease that a clock set back left in the future holds no place', async (s) => {
      await s.arrive({ conversation: 'a' });
      await s.claimOne();
      s.advance(-10 * MAX_PARK_MS);
      await s.arrive({ conversation: 'b' });
      const { claimed } = await s.claim({ share: { now: 0, cap: 2, orgs: [] }, limit: 2 });
      expect(claimed).toHaveLength(2);
    });

    test('a capped lane is not announced as claimable now', async (s) => {
      await s.arrive({ conversation: 'a' });
      await s.arrive({ conversation: 'b' });
      expect((await s.claim({ share: { now: 0, cap: 1, orgs: [] } })).nextInMs).toBe(LEASE_MS);
    });
  });

  describe('mailbox: a clock set back', () => {
    test('a lease further ahead than it was given for counts as expired', async (s) => {
      await s.arrive();
      await s.claimOne();
      s.advance(-MAX_PARK_MS);
      expect((await s.claim({ owner: 'w2' })).claimed).toHaveLength(1);
    });

    test('also when the clock was wrong only between two claims', async (s) => {
      await s.arrive();
      const { lease } = await s.claimOne();
      s.advance(5 * MAX_PARK_MS);
      await s.store.mailbox.renew(lease);
      s.advance(-5 * MAX_PARK_MS + LEASE_MS + 1);
      expect((await s.claim({ owner: 'w2' })).claimed).toHaveLength(1);
    });

    test('a retry time further ahead than any may be counts as come', async (s) => {
      await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.store.mailbox.fail(lease, { seqs: [1], error: 'x', retryInMs: 60_000 });
      await s.store.mailbox.release(lease, { parkMs: 0 });
      s.advance(-5 * MAX_PARK_MS);
      expect((await s.claimOne()).open.jobs[0]?.readyInMs).toBe(0);
    });

    test('a message from before is old, so that no burst waits for it to age', async (s) => {
      await s.arrive();
      s.advance(-5 * MAX_PARK_MS);
      expect((await s.claimOne()).open.jobs[0]?.ageMs).toBeGreaterThan(60_000);
    });

    test('a wait for a burst is bounded too', async (s) => {
      await s.arrive({ debounceMs: 700 });
      s.advance(-5 * MAX_PARK_MS);
      expect((await s.claim()).claimed).toHaveLength(1);
    });
  });

  describe('mailbox.release', () => {
    test('drained: only against the sequence that was read; otherwise there is more to do', async (s) => {
      await s.arrive();
      const { lease, open } = await s.claimOne();
      await s.answer(lease, [1]);
      await s.arrive();
      expect(await s.store.mailbox.release(lease, { drained: open.seen })).toBe('again');
      const more = await s.store.mailbox.open(lease);
      expect(more.jobs.map((job) => job.seq)).toEqual([2]);
      await s.answer(lease, [2]);
      expect(await s.store.mailbox.release(lease, { drained: more.seen })).toBe('released');
      expect((await s.claim()).nextInMs).toBe(null);
    });

    test('park: work stays, and is not claimable before its head may run', async (s) => {
      await s.arrive();
      await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.store.mailbox.fail(lease, { seqs: [1], error: 'x', retryInMs: 10_000 });
      expect(await s.store.mailbox.release(lease, { parkMs: 0 })).toBe('released');
      expect(await s.claim()).toEqual({ claimed: [], nextInMs: 10_000 });
      s.advance(10_000);
      expect((await s.claimOne()).open.jobs.map((job) => [job.seq, job.state])).toEqual([[1, 'retryable'], [2, 'available']]);
    });

    test('park: for longer when asked, and never longer than the maximum', async (s) => {
      await s.arrive();
      await s.store.mailbox.release((await s.claimOne()).lease, { parkMs: 2_000 });
      expect((await s.claim()).nextInMs).toBe(2_000);
      s.advance(2_000);
      await s.store.mailbox.release((await s.claimOne()).lease, { parkMs: 10 * MAX_PARK_MS });
      s.advance(MAX_PARK_MS);
      expect((await s.claim()).claimed).toHaveLength(1);
    });

    test('park: only the ended prefix is done; an ended job behind an open one is not run again', async (s) => {
      for (let i = 0; i < 3; i++) await s.arrive();
      const { lease } = await s.claimOne();
      await s.answer(lease, [1]);
      await s.answer(lease, [3]);
      await s.store.mailbox.release(lease, { parkMs: 0 });
      expect((await s.claimOne()).open.jobs.map((job) => job.seq)).toEqual([2]);
    });

    test('park: with nothing open the lane is done', async (s) => {
      await s.arrive();
      const { lease } = await s.claimOne();
      await s.answer(lease, [1]);
      await s.store.mailbox.release(lease, { parkMs: 5_000 });
      expect(await s.claim()).toEqual({ claimed: [], nextInMs: null });
    });

    test('park: a head that a person took over does not wait', async (s) => {
      const { conversationId } = await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.store.mailbox.fail(lease, { seqs: [1], error: 'x', retryInMs: 60_000 });
      await s.owner('human', conversationId);
      await s.store.mailbox.release(lease, { parkMs: 60_000 });
      expect((await s.claim()).claimed).toHaveLength(1);
    });
  });

  describe('mailbox: keeping a lease', () => {
    test('renewed, it lives a full length more', async (s) => {
      await s.arrive();
      const { lease } = await s.claimOne();
      s.advance(LEASE_MS / 3);
      await s.store.mailbox.renew(lease);
      s.advance(LEASE_MS - 1);
      expect((await s.claim({ owner: 'w2' })).claimed).toEqual([]);
      s.advance(2);
      expect((await s.claim({ owner: 'w2' })).claimed).toHaveLength(1);
    });

    test('every command of its holder extends it once a third is gone', async (s) => {
      await s.arrive();
      const { lease } = await s.claimOne();
      s.advance(LEASE_MS / 2);
      await s.begin(lease, [1]);
      s.advance(LEASE_MS - 1);
      expect((await s.claim({ owner: 'w2' })).claimed).toEqual([]);
    });

    test('expired but not taken, it is still its holder who writes', async (s) => {
      await s.arrive();
      const { lease } = await s.claimOne();
      s.advance(2 * LEASE_MS);
      await s.begin(lease, [1]);
      expect((await s.claim({ owner: 'w2' })).claimed).toEqual([]);
    });
  });
}
