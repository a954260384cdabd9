import { describe, expect } from 'vitest';
import type { Notice } from '../../src/ports/mailbox.ts';
import { on } from './scene.ts';
import type { Harness, Scene } from './scene.ts';

const kinds = async (s: Scene): Promise<string[]> => (await s.claimOne()).open.jobs.map((job) => job.kind);
const photo = (n: number) => [{ type: 'image', url: `https://a/${n}` }];

/** The bot says these, in answer to a message. */
async function asked(s: Scene, parts: string[]): Promise<void> {
  await s.arrive({ text: 'go on', author: 'ana' });
  const { lease, open } = await s.claimOne();
  await s.answer(lease, open.jobs.map((job) => job.seq), parts);
  await s.store.mailbox.release(lease, { drained: open.seen });
}

/** What `append` decides of a message in the transaction that stores it. */
export function governSuite(harness: Harness): void {
  const test = on(harness);

  describe('mailbox.append: same text again, or not', () => {
    const again = { text: 'look', author: 'ana', duplicateWindowMs: 5_000 };
    const short = { text: 'sí', author: 'ana', duplicateWindowMs: 5_000 };

    test('another attachment is another message', async (s) => {
      await s.arrive({ ...again, attachments: photo(1) });
      expect((await s.arrive({ ...again, attachments: photo(2) })).verdict).toBe('accepted');
      expect((await s.arrive({ ...again, attachments: photo(2) })).verdict).toBe('duplicate_text');
      expect((await s.arrive(again)).verdict).toBe('accepted');
    });

    test('a short answer to each of two questions is no repetition, a third one is', async (s) => {
      await asked(s, ['Large?', 'With milk?']);
      const verdicts = [];
      for (let i = 0; i < 4; i++) verdicts.push((await s.arrive(short)).verdict);
      expect(verdicts).toEqual(['accepted', 'accepted', 'duplicate_text', 'duplicate_text']);
    });

    test('a short answer to one question, twice, is a repetition', async (s) => {
      await asked(s, ['Large?']);
      expect((await s.arrive(short)).verdict).toBe('accepted');
      expect((await s.arrive(short)).verdict).toBe('duplicate_text');
    });

    test('a long text is a repetition however much was asked', async (s) => {
      await asked(s, ['Large?', 'With milk?']);
      const long = { ...short, text: 'yes please, that would be great' };
      expect((await s.arrive(long)).verdict).toBe('accepted');
      expect((await s.arrive(long)).verdict).toBe('duplicate_text');
    });

    test('the same short answer to the next question is no repetition', async (s) => {
      await asked(s, ['Large?']);
      await s.arrive(short);
      const { lease, open } = await s.claimOne();
      await s.answer(lease, open.jobs.map((job) => job.seq), ['With milk?']);
      expect((await s.arrive(short)).verdict).toBe('accepted');
    });
  });

  describe('mailbox.append: outside hours and beyond limits', () => {
    test('what govern refused is stored and ended at once', async (s) => {
      for (const refused of ['outside_hours', 'limited'] as const) {
        const appended = await s.arrive({ refused });
        expect(appended).toMatchObject({ verdict: refused, wake: false });
        expect(await s.ending(appended.messageId)).toBe(`suppressed/${refused}`);
      }
    });

    test('a person who owns the conversation comes first', async (s) => {
      const { conversationId } = await s.arrive();
      await s.owner('human', conversationId);
      expect((await s.arrive({ refused: 'limited' })).verdict).toBe('human_owns');
      expect((await s.arrive({ refused: 'unsupported' })).verdict).toBe('unsupported');
    });

    test('a message for people has a job of its own kind', async (s) => {
      expect(await s.arrive({ work: 'handoff' })).toMatchObject({ verdict: 'accepted', wake: true });
      expect(await kinds(s)).toEqual(['handoff']);
    });

    test('a lane that is full takes no more work, and goes on when it is drained', async (s) => {
      for (let i = 0; i < 3; i++) expect((await s.arrive({ maxOpen: 3 })).verdict).toBe('accepted');
      const over = await s.arrive({ maxOpen: 3 });
      expect(over).toMatchObject({ verdict: 'flooded', wake: false });
      expect(await s.ending(over.messageId)).toBe('suppressed/flooded');
      expect((await s.arrive({ maxOpen: 3, conversation: 'c2' })).verdict).toBe('accepted');
      expect((await s.arrive({ maxOpen: 0 })).verdict).toBe('accepted');
      const { lease, open } = await s.claimOne();
      await s.answer(lease, open.jobs.map((job) => job.seq));
      await s.store.mailbox.release(lease, { drained: open.seen });
      expect((await s.arrive({ maxOpen: 3 })).verdict).toBe('accepted');
    });

    test('many at once fill the lane, and no more', async (s) => {
      const verdicts = await Promise.all(Array.from({ length: 40 }, () => s.store.mailbox.append(s.arrival({ maxOpen: 5 })).then(({ verdict }) => verdict)));
      expect(verdicts.filter((verdict) => verdict === 'accepted')).toHaveLength(5);
      expect(verdicts.filter((verdict) => verdict === 'flooded')).toHaveLength(35);
    });
  });

  describe('mailbox.append: notices', () => {
    const notice = (s: Scene, over: Partial<Notice> = {}): Notice => ({ topic: 'outside_hours', since: s.clock.now() - 60_000, text: 'closed', ...over });

    test('goes before the message it is about, and does not wait with it', async (s) => {
      const appended = await s.arrive({ deferMs: 60_000, notice: notice(s) });
      expect(appended).toMatchObject({ verdict: 'deferred', wake: true });
      const { lease, open } = await s.claimOne();
      expect(open.jobs.map(({ kind, seq, messageId }) => [kind, seq, messageId])).toEqual([['notice', 1, null], ['turn', 2, appended.messageId]]);
      expect(open.jobs.map(({ readyInMs }) => readyInMs > 0)).toEqual([false, true]);
      expect((await s.begin(lease, [1])).payload).toEqual({ text: 'closed' });
    });

    test('is said in the ledger like any reply, and its job ends with it', async (s) => {
      await s.arrive({ deferMs: 60_000, notice: notice(s) });
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      const turn = await s.plan(lease, [1], { kind: 'notice', parts: ['closed'], responder: 'catalogue' });
      expect(turn).toMatchObject({ kind: 'notice', members: [1] });
      await s.send(lease, turn!.id);
      expect(await s.store.ledger.settle(lease, turn!.id)).toEqual({ ending: 'answered', reason: 'reply' });
      expect((await s.store.mailbox.open(lease)).jobs.map((job) => job.kind)).toEqual(['turn']);
    });

    test('is said once per period and topic, in each conversation', async (s) => {
      const since = s.clock.now() - 60_000;
      for (let i = 0; i < 3; i++) await s.arrive({ deferMs: 60_000, notice: notice(s, { since }) });
      await s.arrive({ refused: 'limited', notice: notice(s, { topic: 'limited' }) });
      expect(await kinds(s)).toEqual(['notice', 'turn', 'turn', 'turn', 'notice']);
      await s.arrive({ deferMs: 60_000, notice: notice(s, { since }), conversation: 'c2' });
      expect(await kinds(s)).toEqual(['notice', 'turn']);
    });

    test('is said again in the next period, not in an earlier one', async (s) => {
      const since = s.clock.now();
      await s.arrive({ refused: 'outside_hours', notice: notice(s, { since }) });
      s.advance(60_000);
      await s.arrive({ refused: 'outside_hours', notice: notice(s, { since: since - 10 }) });
      await s.arrive({ refused: 'outside_hours', notice: notice(s, { since }) });
      await s.arrive({ refused: 'outside_hours', notice: notice(s, { since: s.clock.now() }) });
      expect(await kinds(s)).toEqual(['notice', 'notice']);
    });

    test('is said once although the period began in the future of this clock', async (s) => {
      const since = s.clock.now() + 5_000;
      await s.arrive({ refused: 'outside_hours', notice: notice(s, { since }) });
      await s.arrive({ refused: 'outside_hours', notice: notice(s, { since }) });
      expect(await kinds(s)).toEqual(['notice']);
    });

    test('many at once say it once', async (s) => {
      const since = s.clock.now() - 60_000;
      await Promise.all(Array.from({ length: 20 }, () => s.store.mailbox.append(s.arrival({ deferMs: 60_000, notice: notice(s, { since }) }))));
      expect((await kinds(s)).filter((kind) => kind === 'notice')).toHaveLength(1);
    });

    test('is not said about a message that gets no answer anyway', async (s) => {
      const { conversationId } = await s.arrive({ text: 'hola', externalId: 'x' });
      const more = { notice: notice(s), duplicateWindowMs: 5_000, text: 'hola' };
      expect((await s.arrive({ ...more, externalId: 'x' })).verdict).toBe('duplicate');
      expect((await s.arrive(more)).verdict).toBe('duplicate_text');
      expect((await s.arrive({ ...more, text: 'y', refused: 'unsupported' })).verdict).toBe('unsupported');
      await s.owner('human', conversationId);
      expect((await s.arrive({ ...more, text: 'z' })).verdict).toBe('human_owns');
      expect(await kinds(s)).toEqual(['turn']);
    });

    test('a person who took over keeps it from being said', async (s) => {
      const { conversationId } = await s.arrive({ deferMs: 60_000, notice: notice(s) });
      const { lease } = await s.claimOne();
      await s.begin(lease, [1]);
      await s.owner('human', conversationId);
      expect(await s.plan(lease, [1], { kind: 'notice', parts: ['closed'] })).toBeNull();
    });
  });
}
