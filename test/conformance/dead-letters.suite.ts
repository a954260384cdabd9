import { describe, expect } from 'vitest';
import { jobId } from '../../src/domain/ids.ts';
import type { JobId } from '../../src/domain/ids.ts';
import type { StoredTurn } from '../../src/domain/turn.ts';
import { CHANNEL, LEASE_MS, ORG, OTHER_ORG, on } from './scene.ts';
import type { Harness, Scene } from './scene.ts';

const EVER = Number.MAX_SAFE_INTEGER;
const idOf = (appended: { laneId: Parameters<typeof jobId>[0] }, seq = 1): JobId => jobId(appended.laneId, seq);

/** What the dead letters promise of every store. */
export function deadLettersSuite(harness: Harness): void {
  listing(harness);
  retrying(harness);
  discarding(harness);
}

function listing(harness: Harness): void {
  const test = on(harness);

  describe('deadLetters.list and stats', () => {
    test('tell each letter with its cause, newest first, in pages without gaps', async (s) => {
      const all: JobId[] = [];
      for (let i = 0; i < 5; i++) all.push(idOf(await s.die({ conversation: `c${i}` })));
      const seen: JobId[] = [];
      let cursor: string | undefined;
      do {
        const page = await s.store.deadLetters.list({}, { limit: 2, cursor });
        seen.push(...page.jobs.map((job) => job.jobId));
        cursor = page.nextCursor ?? undefined;
      } while (cursor);
      expect(seen).toEqual(all.toReversed());
    });

    test('name org, channel, conversation, message, reason and error', async (s) => {
      const dead = await s.die();
      expect((await s.store.deadLetters.list({}, { limit: 5 })).jobs).toMatchObject([
        {
          jobId: idOf(dead), originalJobId: null, kind: 'turn', orgId: ORG, channelId: CHANNEL, conversationId: dead.conversationId,
          messageId: dead.messageId, reason: 'attempts_exhausted', error: 'model down', attempts: 1,
        },
      ]);
    });

    test('filter', async (s) => {
      const a = await s.die();
      const b = await s.die({ conversation: 'other', orgId: OTHER_ORG, channelId: 'chn_b' as never });
      const ids = async (filter: object) => (await s.store.deadLetters.list(filter, { limit: 9 })).jobs.map((job) => job.jobId);
      expect(await ids({ org: OTHER_ORG })).toEqual([idOf(b)]);
      expect(await ids({ channel: CHANNEL })).toEqual([idOf(a)]);
      expect(await ids({ kind: 'report' })).toEqual([]);
      expect(await ids({ kind: 'turn', reason: 'attempts_exhausted' })).toHaveLength(2);
      expect(await ids({ reason: 'crashed' })).toEqual([]);
    });

    test('count, with the oldest and by reason', async (s) => {
      expect(await s.store.deadLetters.stats()).toEqual({ total: 0, oldestAt: null, byReason: {} });
      await s.die();
      const at = (await s.store.deadLetters.list({}, { limit: 1 })).jobs[0]?.failedAt as number;
      s.advance(1_000);
      await s.die({ conversation: 'c2' });
      expect(await s.store.deadLetters.stats()).toEqual({ total: 2, oldestAt: at, byReason: { attempts_exhausted: 2 } });
      expect((await s.store.deadLetters.stats({ org: OTHER_ORG })).total).toBe(0);
    });

    test('ids and purge: only what died by then', async (s) => {
      const early = await s.die();
      const until = (await s.store.deadLetters.list({}, { limit: 1 })).jobs[0]?.failedAt as number;
      const late = await s.die({ conversation: 'later' });
      expect(await s.store.deadLetters.ids(null, 9, until)).toEqual([idOf(early)]);
      expect(await s.store.deadLetters.purge(9, until)).toBe(1);
      expect(await s.store.deadLetters.ids(null, 9, EVER)).toEqual([idOf(late)]);
    });

    test('ids: every letter once, each conversation in its order', async (s) => {
      for (const conversation of ['a', 'b', 'a', 'b', 'a']) await s.die({ conversation });
      const seen: JobId[] = [];
      for (;;) {
        const page = await s.store.deadLetters.ids(seen.at(-1) ?? null, 2, EVER);
        if (page.length === 0) break;
        seen.push(...page);
      }
      expect(new Set(seen).size).toBe(5);
      const bySeq = new Map<string, number[]>();
      for (const id of seen) {
        const [, lane = '', seq = ''] = /^job_(.*)_(\d+)$/.exec(id) ?? [];
        bySeq.set(lane, [...(bySeq.get(lane) ?? []), Number(seq)]);
      }
      expect([...bySeq.values()].sort((x, y) => y.length - x.length)).toEqual([[1, 2, 3], [1, 2]]);
    });
  });
}

function retrying(harness: Harness): void {
  const test = on(harness);

  describe('deadLetters.retry', () => {
    test('appends a new job at the lane\'s end and opens the message again', async (s) => {
      const dead = await s.die();
      const later = await s.arrive();
      expect(await s.store.deadLetters.retry(idOf(dead))).toEqual({ kind: 'retried', retriedAs: idOf(dead, 3), laneId: dead.laneId });
      expect(await s.ending(dead.messageId)).toBe(null);
      const { lease, open } = await s.claimOne();
      expect(open.jobs.map((job) => [job.seq, job.messageId, job.attempts, job.crashes])).toEqual([[2, later.messageId, 0, 0], [3, dead.messageId, 0, 0]]);
      await s.answer(lease, [2]);
      await s.answer(lease, [3]);
      expect(await s.ending(dead.messageId)).toBe('answered/reply');
      expect((await s.store.deadLetters.stats()).total).toBe(0);
    });

    test('once', async (s) => {
      const dead = await s.die();
      expect((await s.store.deadLetters.retry(idOf(dead))).kind).toBe('retried');
      expect((await s.claimOne()).open.jobs).toHaveLength(1);
      expect(await s.store.deadLetters.retry(idOf(dead))).toEqual({ kind: 'already' });
    });

    test('a retry that died again is a letter that knows its origin', async (s) => {
      const dead = await s.die();
      await s.store.deadLetters.retry(idOf(dead));
      const { lease } = await s.claimOne();
      await s.store.mailbox.complete(lease, { seqs: [2], outcome: { kind: 'dead', reason: 'crashed', error: 'x' } });
      expect((await s.store.deadLetters.list({}, { limit: 5 })).jobs).toMatchObject([{ jobId: idOf(dead, 2), originalJobId: idOf(dead) }]);
      expect(await s.ending(dead.messageId)).toBe('dead/crashed');
      expect((await s.store.deadLetters.retry(idOf(dead, 2))).kind).toBe('retried');
    });

    test('unknown jobs, jobs that are not dead, nonsense', async (s) => {
      const alive = await s.arrive();
      for (const id of [idOf(alive), idOf(alive, 99), 'job_cnv_none_1', 'nonsense', '']) {
        expect(await s.store.deadLetters.retry(id as JobId)).toEqual({ kind: 'unknown' });
      }
    });

    test('refused while a person owns the conversation', async (s) => {
      const dead = await s.die();
      await s.owner('human', dead.conversationId);
      expect(await s.store.deadLetters.retry(idOf(dead))).toEqual({ kind: 'human_owns' });
      expect(await s.ending(dead.messageId)).toBe('dead/attempts_exhausted');
      await s.owner('bot', dead.conversationId);
      expect((await s.store.deadLetters.retry(idOf(dead))).kind).toBe('retried');
      const { lease, open } = await s.claimOne();
      await s.answer(lease, open.jobs.map((job) => job.seq));
      expect(await s.ending(dead.messageId)).toBe('answered/reply');
    });

    test('a stored answer goes on where it stopped: what was sent stays sent', async (s) => {
      const { lease, turn, appended } = await s.planned({ parts: ['a', 'b', 'c'] });
      await s.send(lease, turn.id, 0);
      await s.start(lease, turn.id, 1);
      await s.store.ledger.endPart(lease, { turnId: turn.id, part: 1, end: { state: 'failed', error: '403', reason: 'channel_auth' } });
      await s.store.ledger.settle(lease, turn.id);
      await s.store.deadLetters.retry(idOf(appended));
      const open = await s.store.mailbox.open(lease);
      expect(open.jobs.map((job) => [job.seq, job.turnId])).toEqual([[2, turn.id]]);
      expect(open.turn?.members).toEqual([2]);
      expect(open.turn?.sends.map((send) => [send.state, send.tries])).toEqual([['sent', 1], ['planned', 0], ['planned', 0]]);
      await s.send(lease, turn.id, 1);
      await s.send(lease, turn.id, 2);
      expect(await s.store.ledger.settle(lease, turn.id)).toEqual({ ending: 'answered', reason: 'reply' });
      expect(await s.ending(appended.messageId)).toBe('answered/reply');
    });

    test('a part of unknown fate is planned again and stays ambiguous', async (s) => {
      const { lease, turn, appended } = await s.planned({ parts: ['a', 'b'] });
      await s.start(lease, turn.id);
      await s.store.ledger.endPart(lease, { turnId: turn.id, part: 0, end: { state: 'unknown', error: 'x' } });
      await s.store.ledger.settle(lease, turn.id);
      await s.store.deadLetters.retry(idOf(appended));
      expect((await s.store.mailbox.open(lease)).turn?.sends).toMatchObject([{ state: 'planned', tries: 0, ambiguous: true }, { state: 'planned', ambiguous: false }]);
    });

    test('a part learned to be sent after the turn ended is not sent again', async (s) => {
      const { lease, turn, appended } = await s.planned();
      await s.start(lease, turn.id);
      await s.store.ledger.endPart(lease, { turnId: turn.id, part: 0, end: { state: 'unknown', error: 'x' } });
      await s.store.ledger.settle(lease, turn.id);
      await s.store.ledger.recordSent({ turnId: turn.id, part: 0, providerId: 'p' });
      await s.store.deadLetters.retry(idOf(appended));
      expect((await s.store.mailbox.open(lease)).turn?.sends).toMatchObject([{ state: 'sent' }]);
      expect(await s.store.ledger.settle(lease, turn.id)).toEqual({ ending: 'answered', reason: 'reply' });
    });

    test('two members of one answer, retried one after the other, share it', async (s) => {
      const all = [await s.arrive(), await s.arrive()];
      const { lease } = await s.claimOne();
      await s.begin(lease, [1, 2]);
      const turn = (await s.plan(lease, [1, 2])) as StoredTurn;
      await s.start(lease, turn.id);
      await s.store.ledger.endPart(lease, { turnId: turn.id, part: 0, end: { state: 'failed', error: '403', reason: 'channel_auth' } });
      await s.store.ledger.settle(lease, turn.id);
      for (const seq of [1, 2]) await s.store.deadLetters.retry(idOf(all[0]!, seq));
      const open = await s.store.mailbox.open(lease);
      expect(open.turn?.members).toEqual([3, 4]);
      await s.send(lease, turn.id);
      await s.store.ledger.settle(lease, turn.id);
      for (const { messageId } of all) expect(await s.ending(messageId)).toBe('answered/reply');
      expect((await s.store.mailbox.open(lease)).jobs).toEqual([]);
    });

    test('an apology is not an answer: the message is answered anew', async (s) => {
      const { lease, turn, appended } = await s.planned({ kind: 'apology', parts: ['sorry'], responder: 'catalogue', deadReason: 'attempts_exhausted' });
      await s.send(lease, turn.id);
      await s.store.ledger.settle(lease, turn.id);
      await s.store.deadLetters.retry(idOf(appended));
      const open = await s.store.mailbox.open(lease);
      expect(open.turn).toBe(null);
      expect(open.jobs).toMatchObject([{ seq: 2, turnId: null, attempts: 0 }]);
    });

    test('jobs of other kinds too, with their payload', async (s) => {
      const laneId = s.id('lane');
      const { jobId: id } = await s.store.mailbox.addJob({ kind: 'report', payload: { n: 7 }, orgId: ORG, laneId });
      const first = await s.claimOne();
      await s.begin(first.lease, [1]);
      await s.store.mailbox.complete(first.lease, { seqs: [1], outcome: { kind: 'dead', reason: 'handler_rejected', error: 'x' } });
      await s.store.mailbox.release(first.lease, { parkMs: 0 });
      expect((await s.store.deadLetters.list({}, { limit: 1 })).jobs[0]).toMatchObject({ kind: 'report', payload: { n: 7 }, conversationId: null, messageId: null });
      await s.store.deadLetters.retry(id);
      const { lease } = await s.claimOne();
      expect((await s.begin(lease, [2])).payload).toEqual({ n: 7 });
    });
  });
}

function discarding(harness: Harness): void {
  const test = on(harness);

  describe('deadLetters.discard and purge', () => {
    const redeliver = async (s: Scene, externalId: string) => (await s.arrive({ externalId })).verdict;

    test('the letter goes, the message\'s identity stays', async (s) => {
      const dead = await s.die({ externalId: 'x' });
      expect(await s.store.deadLetters.discard(idOf(dead))).toBe(true);
      expect(await s.store.deadLetters.discard(idOf(dead))).toBe(false);
      expect((await s.store.deadLetters.stats()).total).toBe(0);
      expect(await s.store.deadLetters.retry(idOf(dead))).toEqual({ kind: 'unknown' });
      expect(await redeliver(s, 'x')).toBe('duplicate');
      expect(await s.ending(dead.messageId)).toBe('dead/attempts_exhausted');
    });

    test('discards only letters', async (s) => {
      const alive = await s.arrive();
      expect(await s.store.deadLetters.discard(idOf(alive))).toBe(false);
      expect(await s.store.deadLetters.discard('nonsense' as JobId)).toBe(false);
      expect((await s.claimOne()).open.jobs).toHaveLength(1);
    });

    test('purges in bounded bites, identities kept', async (s) => {
      for (let i = 0; i < 5; i++) await s.die({ externalId: `x${i}`, conversation: `c${i}` });
      expect(await s.store.deadLetters.purge(2, EVER)).toBe(2);
      expect((await s.store.deadLetters.stats()).total).toBe(3);
      expect(await s.store.deadLetters.purge(9, EVER)).toBe(3);
      expect(await s.store.deadLetters.purge(9, EVER)).toBe(0);
      for (let i = 0; i < 5; i++) expect(await redeliver(s, `x${i}`)).toBe('duplicate');
      s.advance(LEASE_MS);
      expect((await s.claim()).claimed).toEqual([]);
    });
  });
}
