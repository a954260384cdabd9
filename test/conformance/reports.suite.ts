import { describe, expect } from 'vitest';
import type { ChannelId, MessageId } from '../../src/domain/ids.ts';
import type { PauseTarget } from '../../src/ports/controls.ts';
import { CHANNEL, LEASE_MS, ORG, OTHER_ORG, on } from './scene.ts';
import type { Harness } from './scene.ts';

/** What the read-only views and pruning promise of every store. */
export function reportsSuite(harness: Harness): void {
  const test = on(harness);

  describe('reports.message', () => {
    test('tells the whole journey', async (s) => {
      const receivedAt = s.clock.now() - 20;
      const appended = await s.arrive({ receivedAt, verifiedAt: receivedAt + 5, sentAt: receivedAt - 100, externalId: 'x' });
      const acceptedAt = s.clock.now();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.store.mailbox.fail(lease, { seqs: [1], error: 'down', retryInMs: 0 });
      s.advance(10);
      await s.begin(lease, [1]);
      const turn = await s.plan(lease, [1], { model: 'gpt', usage: { inputTokens: 5, outputTokens: 7 } });
      const plannedAt = s.clock.now();
      await s.send(lease, turn!.id);
      s.advance(10);
      await s.store.ledger.settle(lease, turn!.id);
      expect(await s.store.reports.message(appended.messageId)).toMatchObject({
        id: appended.messageId, orgId: ORG, channelId: CHANNEL, conversationId: appended.conversationId, externalId: 'x', sentAt: receivedAt - 100, receivedAt,
        verifiedAt: receivedAt + 5, acceptedAt, verdict: 'accepted', ending: 'answered', endingReason: 'reply', endedAt: s.clock.now(),
        job: { id: `job_${appended.laneId}_1`, state: 'completed', attempts: 2, crashes: 0, createdAt: acceptedAt, startedAt: acceptedAt + 10, endedAt: s.clock.now() },
        attempts: [{ outcome: 'failed', error: 'down', startedAt: acceptedAt, endedAt: acceptedAt }],
        turn: { id: turn!.id, kind: 'answer', responder: 'script', model: 'gpt', usage: { inputTokens: 5, outputTokens: 7 }, plannedAt, members: 1 },
        sends: [{ part: 0, state: 'sent', tries: 1, ambiguous: false, startedAt: plannedAt, endedAt: plannedAt + 1, providerId: `p-${turn!.id}-0` }],
      });
    });

    test('unknown messages are null', async (s) => {
      expect(await s.store.reports.message('msg_none' as MessageId)).toBe(null);
    });

    test('a retried message shows its new job', async (s) => {
      const dead = await s.die();
      await s.store.deadLetters.retry(`job_${dead.laneId}_1` as never);
      expect((await s.store.reports.message(dead.messageId))?.job).toMatchObject({ id: `job_${dead.laneId}_2`, state: 'available' });
    });
  });

  describe('reports: the rest', () => {
    test('lists a conversation, newest first, up to the limit', async (s) => {
      const { conversationId } = await s.arrive({ text: 'one' });
      await s.answer((await s.claimOne()).lease, [1], ['answer']);
      await s.arrive({ text: 'two' });
      await s.arrive({ text: 'elsewhere', conversation: 'c2' });
      const all = await s.store.reports.messages(conversationId, 10);
      expect(all.map((each) => [each.direction, each.text, each.ending])).toEqual([['inbound', 'two', null], ['outbound', 'answer', null], ['inbound', 'one', 'answered']]);
      expect(await s.store.reports.messages(conversationId, 1)).toHaveLength(1);
    });

    test('counts jobs by what they are doing', async (s) => {
      expect(await s.store.reports.counts()).toEqual({ waiting: 0, active: 0, delayed: 0, completed: 0, failed: 0 });
      await s.die({ conversation: 'dead' });
      const done = await s.arrive({ conversation: 'done' });
      await s.answer((await s.claimOne({ only: [done.laneId] })).lease, [1]);
      const busy = await s.arrive({ conversation: 'busy' });
      await s.begin((await s.claimOne({ only: [busy.laneId] })).lease, [1]);
      await s.arrive({ conversation: 'later', deferMs: 60_000 });
      await s.arrive({ conversation: 'now' });
      await s.arrive({ conversation: 'now' });
      expect(await s.store.reports.counts()).toEqual({ waiting: 2, active: 1, delayed: 1, completed: 1, failed: 1 });
    });

    test('tells how long the oldest job that may run has waited', async (s) => {
      expect(await s.store.reports.oldestWaitingMs()).toBe(0);
      await s.arrive({ conversation: 'later', deferMs: 3_600_000 });
      s.advance(5_000);
      expect(await s.store.reports.oldestWaitingMs()).toBe(0);
      await s.arrive({ conversation: 'now' });
      s.advance(5_000);
      expect(await s.store.reports.oldestWaitingMs()).toBe(5_000);
    });
  });

  describe('reports.load', () => {
    test('counts lanes that could be taken, how long they could have been, and those in hand', async (s) => {
      expect(await s.store.reports.load()).toEqual({ waiting: 0, active: 0, oldestWaitingMs: 0, serviceMs: null });
      await s.arrive({ conversation: 'busy' });
      await s.claimOne();
      await s.arrive({ conversation: 'busy' });
      await s.arrive({ conversation: 'later', deferMs: 60_000 });
      await s.arrive({ conversation: 'burst', debounceMs: 700 });
      await s.arrive({ conversation: 'now' });
      await s.arrive({ conversation: 'now' });
      s.advance(1_699);
      expect(await s.store.reports.load()).toEqual({ waiting: 2, active: 1, oldestWaitingMs: 1_700, serviceMs: null });
      s.advance(58_301);
      expect((await s.store.reports.load()).waiting + (await s.store.reports.load()).active).toBe(4);
    });

    test('a dead worker is no worker: its lane waits', async (s) => {
      await s.arrive();
      await s.claimOne();
      s.advance(LEASE_MS + 1);
      expect(await s.store.reports.load()).toMatchObject({ waiting: 1, active: 0 });
    });

    test('leaves out what is paused', async (s) => {
      await s.arrive({ conversation: 'a' });
      await s.arrive({ conversation: 'b', orgId: OTHER_ORG, channelId: 'chn_b' as ChannelId });
      const waitingUnder = async (target: PauseTarget): Promise<number> => {
        await s.store.controls.pause(target);
        const { waiting } = await s.store.reports.load();
        await s.store.controls.resume(target);
        return waiting;
      };
      expect(await waitingUnder({ scope: 'all' })).toBe(0);
      expect(await waitingUnder({ scope: 'org', orgId: ORG })).toBe(1);
      expect(await waitingUnder({ scope: 'channel', channelId: CHANNEL })).toBe(1);
      expect(await waitingUnder({ scope: 'channel', channelId: 'chn_c' as ChannelId })).toBe(2);
      expect((await s.store.reports.load()).waiting).toBe(2);
    });

    test('tells the median of what turns took', async (s) => {
      for (const [index, ms] of [100, 5_000, 200].entries()) {
        await s.arrive({ conversation: `c${index}` });
        const { lease, open } = await s.claimOne();
        await s.begin(lease, [1]);
        s.advance(ms - 2);
        const turn = await s.plan(lease, [1]);
        await s.send(lease, turn!.id);
        await s.store.ledger.settle(lease, turn!.id);
        await s.store.mailbox.release(lease, { drained: open.seen });
      }
      expect((await s.store.reports.load()).serviceMs).toBe(200);
    });
  });

  describe('reports.prune', () => {
    const NOTHING = { bodies: 0, identities: 0, deadLetters: 0 };

    test('takes bodies first: the identity stays a duplicate until its own time', async (s) => {
      const { conversationId } = await s.arrive({ externalId: 'x', text: 'secret' });
      const { lease, open } = await s.claimOne();
      await s.answer(lease, [1], ['hush']);
      await s.store.mailbox.release(lease, { drained: open.seen });
      s.advance(1_000);
      const bodies = s.clock.now();
      expect(await s.store.reports.prune(NOTHING, 100)).toBe(0);
      expect(await s.store.reports.prune({ ...NOTHING, bodies }, 100)).toBeGreaterThan(0);
      expect(JSON.stringify(await s.store.reports.messages(conversationId, 10))).not.toContain('secret');
      expect((await s.arrive({ externalId: 'x' })).verdict).toBe('duplicate');
      await s.store.reports.prune({ ...NOTHING, bodies, identities: bodies }, 100);
      expect((await s.arrive({ externalId: 'x' })).verdict).toBe('accepted');
    });

    test('never touches what has not ended, nor a letter before its time', async (s) => {
      const dead = await s.die({ externalId: 'd' });
      const alive = await s.arrive({ text: 'still here', conversation: 'c2' });
      s.advance(10_000);
      const now = s.clock.now();
      await s.store.reports.prune({ bodies: now, identities: now, deadLetters: 0 }, 100);
      expect((await s.store.deadLetters.stats()).total).toBe(1);
      const { lease } = await s.claimOne({ only: [alive.laneId] });
      expect((await s.begin(lease, [1])).messages).toMatchObject([{ text: 'still here' }]);
      await s.store.reports.prune({ ...NOTHING, deadLetters: now }, 100);
      expect((await s.store.deadLetters.stats()).total).toBe(0);
      expect((await s.store.deadLetters.retry(`job_${dead.laneId}_1` as never)).kind).toBe('unknown');
    });

    test('a letter that is still kept can still be answered', async (s) => {
      const dead = await s.die({ text: 'answer me' });
      s.advance(10_000);
      const now = s.clock.now();
      await s.store.reports.prune({ bodies: now, identities: now, deadLetters: 0 }, 100);
      expect((await s.store.deadLetters.retry(`job_${dead.laneId}_1` as never)).kind).toBe('retried');
      expect((await s.begin((await s.claimOne()).lease, [2])).messages).toMatchObject([{ text: 'answer me' }]);
    });

    test('also when it was retried before, and died again', async (s) => {
      const dead = await s.die({ text: 'answer me', externalId: 'x' });
      await s.store.deadLetters.retry(`job_${dead.laneId}_1` as never);
      const { lease } = await s.claimOne();
      await s.begin(lease, [2]);
      await s.store.mailbox.complete(lease, { seqs: [2], outcome: { kind: 'dead', reason: 'attempts_exhausted', error: 'again' } });
      await s.store.mailbox.release(lease, { parkMs: 0 });
      s.advance(10_000);
      const now = s.clock.now();
      for (let i = 0; i < 2; i++) await s.store.reports.prune({ bodies: now, identities: now, deadLetters: 0 }, 100);
      expect((await s.arrive({ externalId: 'x' })).verdict).toBe('duplicate');
      expect((await s.store.deadLetters.retry(`job_${dead.laneId}_2` as never)).kind).toBe('retried');
      expect((await s.begin((await s.claimOne()).lease, [3])).messages).toMatchObject([{ text: 'answer me' }]);
    });

    test('lanes go on counting where they were', async (s) => {
      await s.arrive();
      const { lease, open } = await s.claimOne();
      await s.answer(lease, [1]);
      await s.store.mailbox.release(lease, { drained: open.seen });
      s.advance(1_000);
      const now = s.clock.now();
      await s.store.reports.prune({ bodies: now, identities: now, deadLetters: now }, 100);
      await s.arrive();
      expect((await s.claimOne()).open.jobs.map((job) => job.seq)).toEqual([2]);
    });
  });
}
