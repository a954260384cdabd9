import { describe, expect } from 'vitest';
import { MAX_PARK_MS } from '../../src/domain/lane.ts';
import type { LaneId } from '../../src/domain/ids.ts';
import { CHANNEL, ORG, on } from './scene.ts';
import type { Harness, Scene } from './scene.ts';

const withdraw = (s: Scene, externalId: string) =>
  s.store.mailbox.amend({
    orgId: ORG, channelId: CHANNEL, conversationId: s.id('cnv'), messageId: s.id('msg'), conversation: 'c1', externalId, change: { kind: 'withdraw' },
  });
const edit = (s: Scene, externalId: string, text: string) =>
  s.store.mailbox.amend({
    orgId: ORG, channelId: CHANNEL, conversationId: s.id('cnv'), messageId: s.id('msg'), conversation: 'c1', externalId, change: { kind: 'edit', text },
  });

/** What `append`, `amend` and `addJob` promise of every store. */
export function appendSuite(harness: Harness): void {
  const test = on(harness);

  describe('mailbox.append', () => {
    test('stores a message and its job, and asks for a worker', async (s) => {
      const appended = await s.arrive({ text: 'hola', author: 'ana' });
      expect(appended).toMatchObject({ verdict: 'accepted', wake: true, laneId: s.lane(appended) });
      const record = await s.store.reports.message(appended.messageId);
      expect(record).toMatchObject({ verdict: 'accepted', ending: null, job: { state: 'available', attempts: 0, crashes: 0 }, turn: null, sends: [] });
    });

    test('numbers the jobs of a conversation one after the other', async (s) => {
      for (let i = 0; i < 3; i++) await s.arrive();
      const { open } = await s.claimOne();
      expect(open.seen).toBe(3);
      expect(open.jobs.map((job) => job.seq)).toEqual([1, 2, 3]);
    });

    test('a known external id changes nothing and gives the stored ids', async (s) => {
      const first = await s.arrive({ externalId: 'x', text: 'one' });
      const again = await s.arrive({ externalId: 'x', text: 'two', conversation: 'c2' });
      expect(again).toEqual({ ...first, verdict: 'duplicate', wake: false });
      const { claimed } = await s.claim();
      expect(claimed).toHaveLength(1);
      expect(claimed[0]?.open.jobs).toHaveLength(1);
      expect(await s.store.reports.messages(first.conversationId, 10)).toMatchObject([{ text: 'one' }]);
    });

    test('an external id is unique within its channel only', async (s) => {
      await s.arrive({ externalId: 'x' });
      expect((await s.arrive({ externalId: 'x', channelId: 'chn_b' as typeof CHANNEL })).verdict).toBe('accepted');
    });

    test('what govern refused is stored and ended at once', async (s) => {
      for (const refused of ['unsupported', 'human_owns'] as const) {
        const appended = await s.arrive({ refused });
        expect(appended).toMatchObject({ verdict: refused, wake: false });
        expect(await s.ending(appended.messageId)).toBe(`suppressed/${refused}`);
      }
      expect((await s.claim()).claimed).toEqual([]);
    });

    test('a message to a conversation that a person owns ends suppressed', async (s) => {
      const first = await s.arrive();
      await s.owner('human', first.conversationId);
      const second = await s.arrive();
      expect(second).toMatchObject({ verdict: 'human_owns', wake: false });
      expect(await s.ending(second.messageId)).toBe('suppressed/human_owns');
    });

    test('remembers the contact locale and the doubt', async (s) => {
      const { conversationId } = await s.arrive({ locale: 'es', doubt: true });
      await s.arrive({ locale: null });
      expect(await s.store.conversations.get(conversationId)).toMatchObject({ locale: 'es', doubt: true, owner: 'bot', ownerEpoch: 0, externalId: 'c1' });
    });
  });

  describe('mailbox.append: same text again', () => {
    const again = { text: 'hola', author: 'ana', duplicateWindowMs: 5_000 };

    test('within the window it is stored and not answered', async (s) => {
      await s.arrive(again);
      s.advance(4_000);
      const second = await s.arrive(again);
      expect(second).toMatchObject({ verdict: 'duplicate_text', wake: false });
      expect(await s.ending(second.messageId)).toBe('suppressed/duplicate_text');
      expect((await s.claimOne()).open.jobs).toHaveLength(1);
    });

    test('its own redelivery is a duplicate of itself, not of its text', async (s) => {
      const first = await s.arrive({ ...again, externalId: 'x' });
      expect((await s.arrive({ ...again, externalId: 'x' })).verdict).toBe('duplicate');
      expect(await s.ending(first.messageId)).toBe(null);
    });

    test('another author, another text, a later time, an answer in between or no window: accepted', async (s) => {
      await s.arrive(again);
      expect((await s.arrive({ ...again, author: 'eva' })).verdict).toBe('accepted');
      expect((await s.arrive({ ...again, author: 'eva', text: 'hola!' })).verdict).toBe('accepted');
      s.advance(5_001);
      expect((await s.arrive({ ...again, author: 'eva', text: 'hola!' })).verdict).toBe('accepted');
      expect((await s.arrive({ ...again, author: 'eva', text: 'hola!', duplicateWindowMs: 0 })).verdict).toBe('accepted');
      const { lease, open } = await s.claimOne();
      await s.answer(lease, open.jobs.map((job) => job.seq));
      expect((await s.arrive({ ...again, author: 'eva', text: 'hola!' })).verdict).toBe('accepted');
    });

    test('a text that was withdrawn or edited meanwhile is not there to be repeated', async (s) => {
      await s.arrive({ ...again, externalId: 'x1' });
      await withdraw(s, 'x1');
      expect((await s.arrive({ ...again, externalId: 'x2' })).verdict).toBe('accepted');
      await edit(s, 'x2', 'adios');
      expect((await s.arrive(again)).verdict).toBe('accepted');
    });

    test('two messages without text are not the same text', async (s) => {
      await s.arrive({ ...again, text: '', attachments: [{ type: 'image', url: 'https://a/1' }] });
      expect((await s.arrive({ ...again, text: '', attachments: [{ type: 'image', url: 'https://a/2' }] })).verdict).toBe('accepted');
    });
  });

  describe('mailbox.append: waiting', () => {
    test('a deferred message keeps its place: a later one does not overtake it', async (s) => {
      const first = await s.arrive({ deferMs: 60_000 });
      expect(first).toMatchObject({ verdict: 'deferred', wake: true });
      await s.arrive();
      expect(await s.claim()).toEqual({ claimed: [], nextInMs: 59_999 });
      s.advance(60_000);
      const { open } = await s.claimOne();
      expect(open.jobs.map((job) => [job.seq, job.readyInMs])).toEqual([[1, 0], [2, 0]]);
    });

    test('a due time beyond the longest park is still believed', async (s) => {
      await s.arrive({ deferMs: 3 * MAX_PARK_MS });
      expect((await s.claim()).claimed).toEqual([]);
      s.advance(MAX_PARK_MS);
      const { claimed } = await s.claim();
      for (const { lease, open } of claimed) {
        expect(open.jobs[0]?.readyInMs).toBeGreaterThan(MAX_PARK_MS);
        await s.store.mailbox.release(lease, { parkMs: 0 });
      }
      expect((await s.claim()).claimed).toEqual([]);
      s.advance(2 * MAX_PARK_MS);
      expect((await s.claimOne()).open.jobs[0]?.readyInMs).toBe(0);
    });

    test('an idle lane waits for the rest of a burst, a busy one does not', async (s) => {
      await s.arrive({ debounceMs: 700 });
      expect(await s.claim()).toEqual({ claimed: [], nextInMs: 700 });
      s.advance(500);
      await s.arrive({ debounceMs: 700 });
      s.advance(199);
      expect((await s.claimOne()).open.jobs).toHaveLength(2);
    });
  });

  describe('mailbox.amend', () => {
    test('an edit changes the text of a message that has not ended, and adds nothing', async (s) => {
      await s.arrive({ externalId: 'x', text: 'before' });
      expect(await edit(s, 'x', 'after')).toEqual({ known: true });
      const { lease, open } = await s.claimOne();
      expect(open.jobs).toHaveLength(1);
      expect((await s.begin(lease, [1])).messages).toMatchObject([{ text: 'after', withdrawn: false }]);
    });

    test('an edit of an ended message changes nothing', async (s) => {
      const { conversationId } = await s.arrive({ externalId: 'x', text: 'before' });
      await s.answer((await s.claimOne()).lease, [1]);
      await edit(s, 'x', 'after');
      expect((await s.store.reports.messages(conversationId, 10)).at(-1)?.text).toBe('before');
    });

    test('an edit of an unknown message stores nothing', async (s) => {
      expect(await edit(s, 'x', 'after')).toEqual({ known: false });
      expect((await s.arrive({ externalId: 'x' })).verdict).toBe('accepted');
    });

    test('a withdrawn message is flagged for its turn', async (s) => {
      await s.arrive({ externalId: 'x' });
      expect(await withdraw(s, 'x')).toEqual({ known: true });
      const { lease } = await s.claimOne();
      expect((await s.begin(lease, [1])).messages).toMatchObject([{ withdrawn: true }]);
    });

    test('withdrawn before it arrived: a tombstone suppresses it when it comes, once', async (s) => {
      expect(await withdraw(s, 'x')).toEqual({ known: false });
      const conversation = await s.store.conversations.find(CHANNEL, 'c1');
      expect(await s.store.reports.messages(conversation!.id, 10)).toEqual([]);
      const late = await s.arrive({ externalId: 'x' });
      expect(late).toMatchObject({ verdict: 'withdrawn', wake: false });
      expect(await s.ending(late.messageId)).toBe('suppressed/withdrawn');
      expect(await s.arrive({ externalId: 'x' })).toEqual({ ...late, verdict: 'duplicate' });
      expect((await s.claim()).claimed).toEqual([]);
    });
  });

  describe('mailbox.addJob', () => {
    test('runs in a lane of its own, with its payload', async (s) => {
      const laneId = s.id('lane');
      expect(await s.store.mailbox.addJob({ kind: 'report', payload: { a: [1] }, orgId: ORG, laneId })).toEqual({ jobId: `job_${laneId}_1`, laneId, isNew: true });
      const { lease, open } = await s.claimOne();
      expect(open).toMatchObject({ conversation: null, turn: null, jobs: [{ seq: 1, kind: 'report', messageId: null }] });
      expect(await s.begin(lease, [1])).toMatchObject({ exhausted: [], messages: [], payload: { a: [1] } });
    });

    test('for a conversation it is appended there', async (s) => {
      const { conversationId, laneId } = await s.arrive();
      expect((await s.store.mailbox.addJob({ kind: 'note', payload: 1, orgId: ORG, laneId: s.id('lane'), conversationId })).laneId).toBe(laneId);
      expect((await s.claimOne()).open.jobs.map((job) => job.kind)).toEqual(['turn', 'note']);
    });

    test('delayed for a conversation it waits apart, and is promoted once', async (s) => {
      const { conversationId, laneId } = await s.arrive();
      await s.answer((await s.claimOne()).lease, [1]);
      s.advance(LEASE_OVER);
      const apart = s.id('lane') as LaneId;
      await s.store.mailbox.addJob({ kind: 'note', payload: { n: 1 }, orgId: ORG, laneId: apart, conversationId, inMs: 5_000 });
      expect((await s.claim({ only: [apart] })).claimed).toEqual([]);
      s.advance(5_000);
      const { lease } = await s.claimOne({ only: [apart] });
      expect(await s.store.mailbox.promote(lease, 1)).toEqual({ laneId });
      await s.store.mailbox.promote(lease, 1);
      expect((await s.store.mailbox.open(lease)).jobs).toEqual([]);
      const target = await s.claimOne({ only: [laneId] });
      expect(target.open.jobs.map((job) => [job.kind, job.readyInMs])).toEqual([['note', 0]]);
      expect((await s.begin(target.lease, [target.open.jobs[0]?.seq as number])).payload).toEqual({ n: 1 });
    });

    test('lower priority numbers go first, then the elder', async (s) => {
      const add = (laneId: string, priority?: number) => s.store.mailbox.addJob({ kind: 'k', payload: null, orgId: ORG, laneId: laneId as LaneId, priority });
      await add('lane_1', 5);
      s.advance(1);
      await add('lane_2');
      s.advance(1);
      await add('lane_3', -1);
      s.advance(1);
      await add('lane_4');
      const { claimed } = await s.claim();
      expect(claimed.map((each) => each.lease.laneId)).toEqual(['lane_3', 'lane_2', 'lane_4', 'lane_1']);
    });
  });
}

const LEASE_OVER = 30_001;
