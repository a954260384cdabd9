import { describe, expect } from 'vitest';
import { jobId } from '../../src/domain/ids.ts';
import { on } from './scene.ts';
import type { Harness } from './scene.ts';

/** What many callers at once may rely on. Needs no clock that can be moved. */
export function raceSuite(harness: Harness): void {
  const test = on(harness);

  describe('many at once', () => {
    test('the same delivery twice is stored once', async (s) => {
      const all = await Promise.all(Array.from({ length: 8 }, () => s.store.mailbox.append(s.arrival({ externalId: 'same' }))));
      expect(all.filter((each) => each.verdict === 'accepted')).toHaveLength(1);
      expect(new Set(all.map((each) => each.messageId)).size).toBe(1);
      expect((await s.claimOne()).open.jobs).toHaveLength(1);
    });

    test('messages of a lane get consecutive places, in the order they were acknowledged', async (s) => {
      const acked: string[] = [];
      await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const arrival = s.arrival({ externalId: `m${i}`, text: `${i}` });
          await s.store.mailbox.append(arrival);
          acked.push(arrival.messageId);
        }),
      );
      const { open } = await s.claimOne();
      expect(open.jobs.map((job) => job.seq)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
      expect(open.jobs.map((job) => job.messageId)).toEqual(acked);
    });

    test('claimers share the lanes without overlap', async (s) => {
      for (let i = 0; i < 20; i++) await s.arrive({ conversation: `c${i}` });
      const all = await Promise.all(Array.from({ length: 8 }, (_, i) => s.claim({ owner: `w${i}`, limit: 4 })));
      const lanes = all.flatMap((each) => each.claimed.map((claimed) => claimed.lease.laneId));
      expect(lanes).toHaveLength(20);
      expect(new Set(lanes).size).toBe(20);
    });

    test('a message that comes while the lane is given back is not left behind', async (s) => {
      await s.arrive();
      const { lease, open } = await s.claimOne();
      await s.answer(lease, [1]);
      const [released, appended] = await Promise.all([s.store.mailbox.release(lease, { drained: open.seen }), s.store.mailbox.append(s.arrival())]);
      expect(appended.wake).toBe(true);
      const left = released === 'again' ? await s.store.mailbox.open(lease) : (await s.claimOne()).open;
      expect(left.jobs.map((job) => job.seq)).toEqual([2]);
    });

    test('a letter retried by several is retried once', async (s) => {
      const dead = await s.die();
      const all = await Promise.all([1, 2, 3].map(() => s.store.deadLetters.retry(jobId(dead.laneId, 1))));
      expect(all.map((each) => each.kind).sort()).toEqual(['already', 'already', 'retried']);
    });
  });
}
