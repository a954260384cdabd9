import { describe, expect } from 'vitest';
import type { StoredTurn } from '../../src/domain/turn.ts';
import type { PartEnd } from '../../src/ports/ledger.ts';
import { CHANNEL, LEASE_MS, ORG, on } from './scene.ts';
import type { Harness, Scene } from './scene.ts';

const AMBIGUOUS: PartEnd = { state: 'ambiguous', error: 'timeout' };
const FAILED: PartEnd = { state: 'failed', error: '403', reason: 'channel_auth' };

const withdraw = (s: Scene, externalId: string) =>
  s.store.mailbox.amend({
    orgId: ORG, channelId: CHANNEL, conversationId: s.id('cnv'), messageId: s.id('msg'), conversation: 'c1', externalId, change: { kind: 'withdraw' },
  });

/** What the send ledger promises of every store about storing a reply and sending its parts. */
export function ledgerSuite(harness: Harness): void {
  planning(harness);
  parts(harness);
}

function planning(harness: Harness): void {
  const test = on(harness);

  describe('ledger.plan', () => {
    test('stores the reply in its parts and freezes its members', async (s) => {
      await s.arrive();
      await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1, 2]);
      const turn = (await s.plan(lease, [1, 2], { parts: ['a', 'b'] })) as StoredTurn;
      expect(turn).toMatchObject({ kind: 'answer', ownerEpoch: 0, members: [1, 2], deadReason: null });
      const send = { state: 'planned', tries: 0, ambiguous: false };
      expect(turn.sends).toEqual([{ part: 0, key: `${turn.id}-0`, text: 'a', ...send }, { part: 1, key: `${turn.id}-1`, text: 'b', ...send }]);
      await s.arrive();
      const open = await s.store.mailbox.open(lease);
      expect(open.turn).toEqual(turn);
      expect(open.jobs.map((job) => job.turnId)).toEqual([turn.id, turn.id, null]);
    });

    test('a stored reply wins over a newer one, also after a crash', async (s) => {
      const { lease, turn } = await s.planned({ parts: ['first'] });
      expect(await s.plan(lease, [1], { parts: ['second'] })).toEqual(turn);
      s.advance(LEASE_MS + 1);
      const { lease: later } = await s.claimOne();
      expect(await s.plan(later, [1], { parts: ['third'] })).toEqual(turn);
    });

    test('taken over before the reply was stored: handed off, nothing planned', async (s) => {
      const { conversationId, messageId } = await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.owner('human', conversationId);
      expect(await s.plan(lease, [1])).toBe(null);
      expect(await s.ending(messageId)).toBe('handed_off/human_owns');
    });

    test('taken over and given back: the ownership is another one', async (s) => {
      const { conversationId, messageId } = await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.owner('human', conversationId);
      await s.owner('bot', conversationId);
      expect(await s.plan(lease, [1])).toBe(null);
      expect(await s.ending(messageId)).toBe('handed_off/human_owns');
      const next = await s.arrive();
      await s.answer(lease, [2]);
      expect(await s.ending(next.messageId)).toBe('answered/reply');
    });

    test('withdrawn members end, the others are answered', async (s) => {
      const gone = await s.arrive({ externalId: 'x1' });
      await s.arrive({ externalId: 'x2' });
      const { lease } = await s.claimOne();
      await s.begin(lease, [1, 2]);
      await withdraw(s, 'x1');
      expect((await s.plan(lease, [1, 2]))?.members).toEqual([2]);
      expect(await s.ending(gone.messageId)).toBe('suppressed/withdrawn');
      expect((await s.job(gone.messageId))?.state).toBe('cancelled');
    });

    test('every member withdrawn: nothing to say', async (s) => {
      await s.arrive({ externalId: 'x1' });
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await withdraw(s, 'x1');
      expect(await s.plan(lease, [1])).toBe(null);
      expect((await s.store.mailbox.open(lease)).jobs).toEqual([]);
    });

    test('no parts: the responder chose to say nothing', async (s) => {
      const { messageId } = await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      expect(await s.plan(lease, [1], { parts: [] })).toBe(null);
      expect(await s.ending(messageId)).toBe('suppressed/empty_reply');
    });
  });
}

function parts(harness: Harness): void {
  const test = on(harness);

  describe('ledger.startPart', () => {
    test('moves a planned part to sending, once', async (s) => {
      const { lease, turn, appended } = await s.planned();
      expect(await s.start(lease, turn.id)).toBe('go');
      expect(await s.sends(appended.messageId)).toEqual([{ state: 'sending', tries: 1, ambiguous: false }]);
      expect(await s.start(lease, turn.id)).toBe('ended');
    });

    test('tells of a takeover, also when it was given back since', async (s) => {
      const { lease, turn, appended } = await s.planned();
      await s.owner('human', appended.conversationId);
      expect(await s.start(lease, turn.id)).toBe('taken');
      await s.owner('bot', appended.conversationId);
      expect(await s.start(lease, turn.id)).toBe('taken');
      expect((await s.sends(appended.messageId))[0]).toMatchObject({ state: 'planned', tries: 0 });
    });

    test('gives up when the tries are used up', async (s) => {
      const { lease, turn, appended } = await s.planned();
      for (let i = 0; i < 2; i++) {
        expect(await s.start(lease, turn.id, 0, 2)).toBe('go');
        await s.store.ledger.endPart(lease, { turnId: turn.id, part: 0, end: { state: 'planned', retryInMs: 0, error: '503' } });
      }
      expect(await s.start(lease, turn.id, 0, 2)).toBe('given_up');
      expect((await s.sends(appended.messageId))[0]).toMatchObject({ state: 'failed', tries: 2 });
      expect(await s.store.ledger.settle(lease, turn.id)).toEqual({ ending: 'dead', reason: 'send_failed' });
    });
  });

  describe('ledger.resend', () => {
    const sending = async (s: Scene) => {
      const planned = await s.planned();
      await s.start(planned.lease, planned.turn.id);
      await s.store.ledger.endPart(planned.lease, { turnId: planned.turn.id, part: 0, end: AMBIGUOUS });
      const resend = (over: { maxTries?: number; withinMs?: number } = {}) =>
        s.store.ledger.resend(planned.lease, { turnId: planned.turn.id, part: 0, maxTries: 9, ...over });
      return { ...planned, resend };
    };

    test('fences one more try of an ambiguous part', async (s) => {
      const { resend, appended } = await sending(s);
      expect(await resend()).toBe('go');
      expect(await s.sends(appended.messageId)).toEqual([{ state: 'sending', tries: 2, ambiguous: true }]);
    });

    test('only within the window since the first try', async (s) => {
      const { resend } = await sending(s);
      s.advance(9_999);
      expect(await resend({ withinMs: 10_000 })).toBe('go');
      s.advance(1);
      expect(await resend({ withinMs: 10_000 })).toBe('too_old');
      s.advance(-20_000);
      expect(await resend({ withinMs: 10_000 })).toBe('too_old');
    });

    test('gives up as unknown, because an earlier try may have landed', async (s) => {
      const { resend, lease, turn, appended } = await sending(s);
      expect(await resend({ maxTries: 1 })).toBe('given_up');
      expect((await s.sends(appended.messageId))[0]?.state).toBe('unknown');
      expect(await s.store.ledger.settle(lease, turn.id)).toEqual({ ending: 'dead', reason: 'ambiguous_send' });
    });

    test('not after a takeover, not when its fate is known, not before it was started', async (s) => {
      const { resend, turn, appended } = await sending(s);
      await s.owner('human', appended.conversationId);
      expect(await resend()).toBe('taken');
      await s.store.ledger.recordSent({ turnId: turn.id, part: 0, providerId: 'p' });
      const other = await s.arrive({ conversation: 'c2' });
      const { lease } = await s.claimOne({ only: [other.laneId] });
      await s.begin(lease, [1]);
      const second = (await s.plan(lease, [1])) as StoredTurn;
      expect(await s.store.ledger.resend(lease, { turnId: second.id, part: 0, maxTries: 9 })).toBe('ended');
      await s.send(lease, second.id);
      expect(await s.store.ledger.resend(lease, { turnId: second.id, part: 0, maxTries: 9 })).toBe('ended');
    });
  });

  describe('ledger.endPart', () => {
    const started = async (s: Scene) => {
      const planned = await s.planned({ parts: ['a', 'b'] });
      await s.start(planned.lease, planned.turn.id);
      const end = (how: PartEnd, part = 0) => s.store.ledger.endPart(planned.lease, { turnId: planned.turn.id, part, end: how });
      return { ...planned, end };
    };

    test('planned again: the lane waits, the reply stays', async (s) => {
      const { end, lease, appended } = await started(s);
      await end({ state: 'planned', retryInMs: 5_000, error: '503' });
      expect((await s.sends(appended.messageId))[0]).toMatchObject({ state: 'planned', tries: 1 });
      expect((await s.store.mailbox.open(lease)).jobs[0]).toMatchObject({ readyInMs: 5_000, attempts: 1 });
      await s.store.mailbox.release(lease, { parkMs: 0 });
      expect(await s.claim()).toEqual({ claimed: [], nextInMs: 5_000 });
    });

    test('planned again after a takeover: nothing to wait for', async (s) => {
      const { end, lease, appended } = await started(s);
      await s.owner('human', appended.conversationId);
      await end({ state: 'planned', retryInMs: 5_000, error: '503' });
      expect((await s.store.mailbox.open(lease)).jobs[0]?.readyInMs).toBe(0);
      await s.store.mailbox.release(lease, { parkMs: 0 });
      expect((await s.claim()).claimed).toHaveLength(1);
    });

    test('ambiguous for ever: a later refusal does not prove that the first try failed', async (s) => {
      const { end, lease, turn, appended } = await started(s);
      await end(AMBIGUOUS);
      expect((await s.sends(appended.messageId))[0]).toMatchObject({ state: 'sending', ambiguous: true });
      await end({ state: 'planned', retryInMs: 0, error: '503' });
      expect((await s.sends(appended.messageId))[0]).toMatchObject({ state: 'sending', ambiguous: true });
      await end(FAILED);
      expect((await s.sends(appended.messageId))[0]).toMatchObject({ state: 'unknown', ambiguous: true });
      expect(await s.store.ledger.settle(lease, turn.id)).toEqual({ ending: 'dead', reason: 'ambiguous_send' });
    });

    test('a part whose fate is recorded keeps it', async (s) => {
      const { end, turn, appended } = await started(s);
      await s.store.ledger.recordSent({ turnId: turn.id, part: 0, providerId: 'p' });
      for (const how of [AMBIGUOUS, FAILED, { state: 'unknown', error: 'gone' } as const, { state: 'planned', retryInMs: 0, error: 'x' } as const]) await end(how);
      expect((await s.sends(appended.messageId))[0]?.state).toBe('sent');
    });
  });
}
