import { describe, expect } from 'vitest';
import type { PartEnd } from '../../src/ports/ledger.ts';
import { LEASE_MS, on } from './scene.ts';
import type { Harness } from './scene.ts';

const FAILED: PartEnd = { state: 'failed', error: '403', reason: 'channel_auth' };
const UNKNOWN: PartEnd = { state: 'unknown', error: 'gone' };

/** What the send ledger promises of every store about facts, and about how turns end. */
export function ledgerEndsSuite(harness: Harness): void {
  facts(harness);
  endings(harness);
}

function facts(harness: Harness): void {
  const test = on(harness);

  describe('ledger.recordSent', () => {
    test('is true whoever learns it: no lease, once, with its place in the history', async (s) => {
      const { lease, turn, appended } = await s.planned();
      await s.start(lease, turn.id);
      s.advance(LEASE_MS + 1);
      const thief = await s.claimOne({ owner: 'w2' });
      for (let i = 0; i < 2; i++) await s.store.ledger.recordSent({ turnId: turn.id, part: 0, providerId: 'p1' });
      expect((await s.store.mailbox.open(thief.lease)).turn?.sends[0]?.state).toBe('sent');
      expect((await s.store.reports.message(appended.messageId))?.sends).toMatchObject([{ state: 'sent', providerId: 'p1' }]);
      const said = await s.store.reports.messages(appended.conversationId, 10);
      expect(said.map((each) => [each.direction, each.text])).toEqual([['outbound', 'hello'], ['inbound', 'text 1']]);
    });

    test('our own message coming back from the platform is known', async (s) => {
      const { lease, turn } = await s.planned();
      await s.send(lease, turn.id);
      expect((await s.arrive({ externalId: `p-${turn.id}-0` })).verdict).toBe('duplicate');
    });

    test('an unknown part turns out to be sent, even under an ended turn; its ending stays', async (s) => {
      const { lease, turn, appended } = await s.planned();
      await s.start(lease, turn.id);
      await s.store.ledger.endPart(lease, { turnId: turn.id, part: 0, end: UNKNOWN });
      await s.store.ledger.settle(lease, turn.id);
      await s.store.ledger.recordSent({ turnId: turn.id, part: 0, providerId: 'p1' });
      expect((await s.sends(appended.messageId))[0]?.state).toBe('sent');
      expect(await s.ending(appended.messageId)).toBe('dead/ambiguous_send');
    });

    test('what was cancelled or failed does not become sent', async (s) => {
      const { lease, turn, appended } = await s.planned({ parts: ['a', 'b'] });
      await s.start(lease, turn.id);
      await s.store.ledger.endPart(lease, { turnId: turn.id, part: 0, end: FAILED });
      await s.store.ledger.settle(lease, turn.id);
      for (const part of [0, 1]) await s.store.ledger.recordSent({ turnId: turn.id, part, providerId: `p${part}` });
      expect((await s.sends(appended.messageId)).map((send) => send.state)).toEqual(['failed', 'cancelled']);
    });
  });
}

function endings(harness: Harness): void {
  const test = on(harness);

  describe('ledger.settle', () => {
    test('every part sent: all members answered', async (s) => {
      const all = [await s.arrive(), await s.arrive()];
      const { lease, open } = await s.claimOne();
      await s.answer(lease, [1, 2], ['a', 'b']);
      for (const { messageId } of all) {
        expect(await s.ending(messageId)).toBe('answered/reply');
        expect((await s.job(messageId))?.state).toBe('completed');
      }
      expect(await s.store.mailbox.release(lease, { drained: open.seen })).toBe('released');
    });

    test('a failed part: the later ones are cancelled, the jobs dead with its reason', async (s) => {
      const { lease, turn, appended } = await s.planned({ parts: ['a', 'b', 'c'] });
      await s.send(lease, turn.id, 0);
      await s.start(lease, turn.id, 1);
      await s.store.ledger.endPart(lease, { turnId: turn.id, part: 1, end: FAILED });
      expect(await s.store.ledger.settle(lease, turn.id)).toEqual({ ending: 'dead', reason: 'channel_auth' });
      expect((await s.sends(appended.messageId)).map((send) => send.state)).toEqual(['sent', 'failed', 'cancelled']);
      expect(await s.ending(appended.messageId)).toBe('dead/channel_auth');
      expect(await s.store.deadLetters.stats()).toMatchObject({ total: 1, byReason: { channel_auth: 1 } });
    });

    test('an unknown part: no torn reply, and an operator decides', async (s) => {
      const { lease, turn, appended } = await s.planned({ parts: ['a', 'b'] });
      await s.start(lease, turn.id);
      await s.store.ledger.endPart(lease, { turnId: turn.id, part: 0, end: UNKNOWN });
      expect(await s.store.ledger.settle(lease, turn.id)).toEqual({ ending: 'dead', reason: 'ambiguous_send' });
      expect((await s.sends(appended.messageId)).map((send) => send.state)).toEqual(['unknown', 'cancelled']);
      expect((await s.job(appended.messageId))?.state).toBe('dead');
    });

    test('an apology ends its jobs with the reason it was made for', async (s) => {
      const { lease, turn, appended } = await s.planned({ kind: 'apology', parts: ['sorry'], responder: 'catalogue', deadReason: 'crashed' });
      expect(turn).toMatchObject({ kind: 'apology', deadReason: 'crashed' });
      await s.send(lease, turn.id);
      expect(await s.store.ledger.settle(lease, turn.id)).toEqual({ ending: 'dead', reason: 'crashed' });
      expect(await s.ending(appended.messageId)).toBe('dead/crashed');
    });

    test('asked twice, it says the same and changes nothing', async (s) => {
      const { lease, turn, appended } = await s.planned();
      await s.send(lease, turn.id);
      const first = await s.store.ledger.settle(lease, turn.id);
      const record = await s.store.reports.message(appended.messageId);
      s.advance(5);
      expect(await s.store.ledger.settle(lease, turn.id)).toEqual(first);
      expect(await s.store.reports.message(appended.messageId)).toEqual(record);
    });
  });

  describe('ledger.close', () => {
    test('no part stays open under an ended turn: sending is unknown, planned is cancelled', async (s) => {
      const { lease, turn, appended } = await s.planned({ parts: ['a', 'b', 'c'] });
      await s.send(lease, turn.id, 0);
      await s.start(lease, turn.id, 1);
      await s.owner('human', appended.conversationId);
      expect(await s.store.ledger.close(lease, turn.id)).toEqual({ ending: 'handed_off', reason: 'human_owns' });
      expect((await s.sends(appended.messageId)).map((send) => send.state)).toEqual(['sent', 'unknown', 'cancelled']);
      expect(await s.ending(appended.messageId)).toBe('handed_off/human_owns');
      expect((await s.store.mailbox.open(lease)).jobs).toEqual([]);
    });

    test('an apology cut short is dead all the same', async (s) => {
      const { lease, turn, appended } = await s.planned({ kind: 'apology', parts: ['sorry'], responder: 'catalogue', deadReason: 'attempts_exhausted' });
      await s.owner('human', appended.conversationId);
      expect(await s.store.ledger.close(lease, turn.id)).toEqual({ ending: 'dead', reason: 'attempts_exhausted' });
      expect(await s.ending(appended.messageId)).toBe('dead/attempts_exhausted');
    });
  });
}
