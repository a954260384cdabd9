import { describe, expect } from 'vitest';
import { LeaseLost } from '../../src/domain/errors.ts';
import type { Lease } from '../../src/domain/lane.ts';
import { MAX_PARK_MS } from '../../src/domain/lane.ts';
import type { TurnId } from '../../src/domain/ids.ts';
import type { Store } from '../../src/ports/store.ts';
import { LEASE_MS, ORG, on } from './scene.ts';
import type { Harness } from './scene.ts';

/** What `begin`, `fail`, `handBack` and `complete` promise of every store. */
export function attemptsSuite(harness: Harness): void {
  const test = on(harness);

  describe('mailbox.begin', () => {
    test('counts the attempt, then gives what it needs', async (s) => {
      const { messageId } = await s.arrive({ text: 'hola', externalId: 'x', author: 'ana', attachments: [{ type: 'image', url: 'https://a/1' }] });
      const { lease } = await s.claimOne();
      const begun = await s.begin(lease, [1]);
      expect(begun).toMatchObject({
        exhausted: [], history: [], messages: [{ id: messageId, seq: 1, externalId: 'x', author: 'ana', text: 'hola', withdrawn: false, attachments: [{ type: 'image', url: 'https://a/1' }] }],
      });
      expect(await s.job(messageId)).toEqual({ state: 'running', attempts: 1, crashes: 0 });
    });

    test('the history is what was said before, oldest first, without the members', async (s) => {
      await s.arrive({ text: 'one' });
      const { lease } = await s.claimOne();
      await s.arrive({ text: 'two' });
      s.advance(5);
      await s.answer(lease, [1], ['answer one', 'and more']);
      const { history, messages } = await s.begin(lease, [2]);
      expect(messages.map((each) => each.text)).toEqual(['two']);
      expect(history.map((each) => [each.role, each.text])).toEqual([['user', 'one'], ['assistant', 'answer one'], ['assistant', 'and more']]);
    });

    test('the history leaves out what still waits for a turn of its own, although its id is older, found by chaos', async (s) => {
      // Two processes accept two messages of a conversation: the one that made its id first comes second.
      const older = s.id('msg');
      s.advance(1);
      await s.arrive({ text: 'one' });
      await s.arrive({ text: 'two', messageId: older });
      const { lease } = await s.claimOne();
      expect(await s.begin(lease, [1])).toMatchObject({ history: [], messages: [{ text: 'one' }] });
    });

    test('the history is bounded to the newest, and leaves out what was suppressed or withdrawn', async (s) => {
      const amend = (externalId: string) =>
        s.store.mailbox.amend({ orgId: ORG, channelId: 'chn_a' as never, conversationId: s.id('cnv'), messageId: s.id('msg'), conversation: 'c1', externalId, change: { kind: 'withdraw' } });
      await s.arrive({ text: 'one', externalId: 'x1' });
      await s.arrive({ text: 'two', externalId: 'x2' });
      const { lease } = await s.claimOne();
      await s.answer(lease, [1, 2], ['answer']);
      await s.arrive({ text: 'sticker', refused: 'unsupported' });
      await amend('x2');
      await s.arrive({ text: 'three' });
      const texts = async (history: number) => (await s.begin(lease, [3], { history })).history.map((each) => each.text);
      expect(await texts(20)).toEqual(['one', 'answer']);
      await s.store.mailbox.fail(lease, { seqs: [3], error: 'x', retryInMs: 0 });
      expect(await texts(1)).toEqual(['answer']);
      await s.store.mailbox.fail(lease, { seqs: [3], error: 'x', retryInMs: 0 });
      expect(await texts(0)).toEqual([]);
    });

    test('attempts used up: nothing begins, for none of the members', async (s) => {
      const first = await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.store.mailbox.fail(lease, { seqs: [1], error: 'x', retryInMs: 0 });
      const second = await s.arrive();
      const { exhausted } = await s.begin(lease, [1, 2], { maxAttempts: 1 });
      expect(exhausted).toEqual([{ seq: 1, reason: 'attempts_exhausted' }]);
      expect(await s.job(first.messageId)).toMatchObject({ state: 'retryable', attempts: 1 });
      expect(await s.job(second.messageId)).toMatchObject({ state: 'available', attempts: 0 });
    });
  });

  describe('mailbox: a worker died', () => {
    test('one job alone is charged with the death, not with an attempt', async (s) => {
      const { messageId } = await s.arrive();
      await s.begin((await s.claimOne()).lease, [1]);
      s.advance(LEASE_MS + 1);
      const { open, stalled } = await s.claimOne();
      expect(open.jobs).toMatchObject([{ state: 'available', attempts: 0, crashes: 1, suspect: true }]);
      expect(stalled).toEqual([1]);
      expect((await s.store.reports.message(messageId))?.attempts).toMatchObject([{ outcome: 'crashed' }]);
    });

    test('several share no guilt: they become suspects and lose nothing', async (s) => {
      await s.arrive();
      await s.arrive();
      await s.begin((await s.claimOne()).lease, [1, 2]);
      s.advance(LEASE_MS + 1);
      const both = { state: 'available', attempts: 0, crashes: 0, suspect: true };
      const { open, stalled } = await s.claimOne();
      expect(open.jobs).toMatchObject([both, both]);
      expect(stalled.toSorted()).toEqual([1, 2]);
    });

    test('deaths add up to an end of their own', async (s) => {
      await s.arrive();
      for (let i = 0; i < 2; i++) {
        await s.begin((await s.claimOne()).lease, [1], { maxCrashes: 2 });
        s.advance(LEASE_MS + 1);
      }
      const { lease } = await s.claimOne();
      expect((await s.begin(lease, [1], { maxCrashes: 2 })).exhausted).toEqual([{ seq: 1, reason: 'crashed' }]);
    });

    test('a stored reply is nobody\'s death: it waits as it is', async (s) => {
      const { appended } = await s.planned();
      s.advance(LEASE_MS + 1);
      const { open, stalled } = await s.claimOne();
      expect(stalled).toEqual([]);
      expect(open.turn?.members).toEqual([1]);
      expect(open.jobs).toMatchObject([{ crashes: 0, suspect: false }]);
      expect(await s.job(appended.messageId)).toMatchObject({ attempts: 1, crashes: 0 });
    });
  });

  describe('mailbox.fail', () => {
    test('alone: the attempt counts, and the job waits', async (s) => {
      const { messageId } = await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.store.mailbox.fail(lease, { seqs: [1], error: 'model down', retryInMs: 2_000 });
      expect((await s.store.mailbox.open(lease)).jobs).toMatchObject([{ state: 'retryable', attempts: 1, suspect: false, readyInMs: 2_000 }]);
      expect((await s.store.reports.message(messageId))?.attempts).toMatchObject([{ outcome: 'failed', error: 'model down' }]);
    });

    test('in company: suspects, the attempt given back, the first one waits', async (s) => {
      await s.arrive();
      await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1, 2]);
      await s.store.mailbox.fail(lease, { seqs: [1, 2], error: 'x', retryInMs: 2_000 });
      expect((await s.store.mailbox.open(lease)).jobs).toMatchObject([
        { state: 'retryable', attempts: 0, suspect: true, readyInMs: 2_000 }, { state: 'available', attempts: 0, suspect: true, readyInMs: 0 },
      ]);
    });

    test('taken over meanwhile: handed off, not retried', async (s) => {
      const { conversationId, messageId } = await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.owner('human', conversationId);
      await s.store.mailbox.fail(lease, { seqs: [1], error: 'x', retryInMs: 2_000 });
      expect(await s.ending(messageId)).toBe('handed_off/human_owns');
      expect((await s.store.mailbox.open(lease)).jobs).toEqual([]);
    });

    test('a reply that is stored stays stored', async (s) => {
      const { lease, turn, appended } = await s.planned();
      await s.store.mailbox.fail(lease, { seqs: [1], error: 'x', retryInMs: 2_000 });
      expect((await s.store.mailbox.open(lease)).turn?.id).toBe(turn.id);
      expect(await s.job(appended.messageId)).toMatchObject({ attempts: 1 });
    });

    test('a pause longer than the maximum is shortened to it, not dropped', async (s) => {
      await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.store.mailbox.fail(lease, { seqs: [1], error: 'x', retryInMs: 2 * MAX_PARK_MS });
      expect((await s.store.mailbox.open(lease)).jobs[0]?.readyInMs).toBe(MAX_PARK_MS);
    });
  });

  describe('mailbox.handBack', () => {
    test('a shutdown costs no attempt', async (s) => {
      const { messageId } = await s.arrive();
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.store.mailbox.handBack(lease, [1]);
      expect(await s.job(messageId)).toEqual({ state: 'available', attempts: 0, crashes: 0 });
      expect((await s.store.reports.message(messageId))?.attempts).toMatchObject([{ outcome: 'handed_back' }]);
      await s.store.mailbox.release(lease, { parkMs: 0 });
      expect((await s.claimOne()).open.jobs).toMatchObject([{ suspect: false, crashes: 0 }]);
    });

    test('a job with a stored reply is left as it is', async (s) => {
      const { lease, appended } = await s.planned();
      await s.store.mailbox.handBack(lease, [1]);
      expect(await s.job(appended.messageId)).toMatchObject({ attempts: 1 });
      expect((await s.store.reports.message(appended.messageId))?.attempts).toEqual([]);
    });
  });

  describe('mailbox.complete', () => {
    test('ends a turn that needs no reply with the ending given', async (s) => {
      const { messageId } = await s.arrive();
      const { lease } = await s.claimOne();
      await s.store.mailbox.complete(lease, { seqs: [1], outcome: { kind: 'completed' }, ending: 'handed_off', reason: 'human_owns' });
      expect(await s.ending(messageId)).toBe('handed_off/human_owns');
      expect((await s.job(messageId))?.state).toBe('completed');
    });

    test('dead: a dead letter with its cause', async (s) => {
      const { messageId } = await s.die();
      expect(await s.ending(messageId)).toBe('dead/attempts_exhausted');
      expect((await s.job(messageId))?.state).toBe('dead');
    });

    test('retry: the job waits; cancelled: it ends', async (s) => {
      const laneId = s.id('lane');
      for (let i = 0; i < 2; i++) await s.store.mailbox.addJob({ kind: 'k', payload: null, orgId: ORG, laneId });
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.store.mailbox.complete(lease, { seqs: [1], outcome: { kind: 'retry', error: 'later' }, retryInMs: 700 });
      expect((await s.store.mailbox.open(lease)).jobs).toMatchObject([{ state: 'retryable', attempts: 1, readyInMs: 700 }, {}]);
      await s.store.mailbox.complete(lease, { seqs: [1], outcome: { kind: 'cancelled', reason: 'no use' } });
      expect((await s.store.mailbox.open(lease)).jobs.map((job) => job.seq)).toEqual([2]);
    });

    test('what has ended stays ended', async (s) => {
      const { messageId } = await s.arrive();
      const { lease } = await s.claimOne();
      await s.store.mailbox.complete(lease, { seqs: [1], outcome: { kind: 'completed' }, ending: 'handed_off', reason: 'human_owns' });
      await s.store.mailbox.complete(lease, { seqs: [1], outcome: { kind: 'dead', reason: 'crashed', error: 'x' } });
      await s.store.mailbox.complete(lease, { seqs: [1], outcome: { kind: 'retry', error: 'x' }, retryInMs: 0 });
      expect(await s.ending(messageId)).toBe('handed_off/human_owns');
      expect((await s.job(messageId))?.state).toBe('completed');
      expect((await s.store.deadLetters.stats()).total).toBe(0);
    });
  });
}

type Leased = [name: string, act: (store: Store, lease: Lease, turnId: TurnId) => Promise<unknown>];
const LEASED: Leased[] = [
  ['mailbox.open', (store, lease) => store.mailbox.open(lease)],
  ['mailbox.begin', (store, lease) => store.mailbox.begin(lease, { seqs: [1], maxAttempts: 9, maxCrashes: 9, history: 0 })],
  ['mailbox.renew', (store, lease) => store.mailbox.renew(lease)],
  ['mailbox.fail', (store, lease) => store.mailbox.fail(lease, { seqs: [1, 2], error: 'x', retryInMs: 99_000 })],
  ['mailbox.handBack', (store, lease) => store.mailbox.handBack(lease, [1, 2])],
  ['mailbox.complete', (store, lease) => store.mailbox.complete(lease, { seqs: [1, 2], outcome: { kind: 'completed' } })],
  ['mailbox.promote', (store, lease) => store.mailbox.promote(lease, 2)],
  ['mailbox.release drained', (store, lease) => store.mailbox.release(lease, { drained: 2 })],
  ['mailbox.release parked', (store, lease) => store.mailbox.release(lease, { parkMs: 99_000 })],
  ['ledger.plan', (store, lease) => store.ledger.plan(lease, { turnId: 'turn_new' as TurnId, seqs: [2], reply: { kind: 'answer', parts: ['no'], responder: 'script' } })],
  ['ledger.startPart', (store, lease, turnId) => store.ledger.startPart(lease, { turnId, part: 0, maxTries: 9 })],
  ['ledger.resend', (store, lease, turnId) => store.ledger.resend(lease, { turnId, part: 1, maxTries: 9 })],
  ['ledger.endPart', (store, lease, turnId) => store.ledger.endPart(lease, { turnId, part: 1, end: { state: 'failed', error: 'x', reason: 'send_failed' } })],
  ['ledger.settle', (store, lease, turnId) => store.ledger.settle(lease, turnId)],
  ['ledger.close', (store, lease, turnId) => store.ledger.close(lease, turnId)],
];

/** After somebody else's claim, and after its own release, a lease writes nothing at all. */
export function fencingSuite(harness: Harness): void {
  const test = on(harness);
  for (const [name, act] of LEASED) {
    describe(`fencing: ${name}`, () => {
      test('a stolen lease is refused and nothing is written', async (s) => {
        const { lease, turn, appended } = await s.planned({ parts: ['a', 'b'] });
        await s.start(lease, turn.id, 1);
        const second = await s.arrive();
        s.advance(LEASE_MS + 1);
        const thief = await s.claimOne({ owner: 'w2' });
        const before = await picture(s.store, thief.lease, [appended.messageId, second.messageId]);
        await expect(act(s.store, lease, turn.id)).rejects.toBeInstanceOf(LeaseLost);
        expect(await picture(s.store, thief.lease, [appended.messageId, second.messageId])).toEqual(before);
      });

      test('a lease given back is refused', async (s) => {
        const { lease, turn } = await s.planned({ parts: ['a', 'b'] });
        await s.start(lease, turn.id, 1);
        await s.store.mailbox.release(lease, { parkMs: 0 });
        await expect(act(s.store, lease, turn.id)).rejects.toBeInstanceOf(LeaseLost);
        expect((await s.claim({ owner: 'w2' })).claimed).toHaveLength(1);
      });
    });
  }

  async function picture(store: Store, lease: Lease, messages: Parameters<Store['reports']['message']>[0][]): Promise<unknown> {
    return { open: await store.mailbox.open(lease), records: await Promise.all(messages.map((id) => store.reports.message(id))) };
  }
}
