import { describe, expect } from 'vitest';
import { LeaseLost } from '../../src/domain/errors.ts';
import type { JobId } from '../../src/domain/ids.ts';
import { LEASE_MS, ORG, on } from './scene.ts';
import type { Harness, Scene } from './scene.ts';

const add = (s: Scene, key?: string, reuseKey?: boolean): ReturnType<Scene['store']['mailbox']['addJob']> =>
  s.store.mailbox.addJob({ kind: 'report', payload: { n: 1 }, orgId: ORG, laneId: s.id('lane'), key, reuseKey });

async function end(s: Scene, outcome: 'completed' | 'dead'): Promise<void> {
  const { lease, open } = await s.claimOne();
  const seqs = [open.jobs[0]?.seq as number];
  await s.begin(lease, seqs);
  await s.store.mailbox.complete(lease, { seqs, outcome: outcome === 'dead' ? { kind: 'dead', reason: 'handler_rejected', error: 'no' } : { kind: 'completed' } });
  await s.store.mailbox.release(lease, { parkMs: 0 });
}

/** What is promised about single jobs and about keys. */
export function jobsSuite(harness: Harness): void {
  const test = on(harness);

  describe('jobs', () => {
    test('tell what became of one, and how far it has come', async (s) => {
      const { jobId, laneId } = await add(s);
      const createdAt = s.clock.now();
      const fresh = {
        id: jobId, orgId: ORG, laneId, kind: 'report', state: 'available', attempts: 0, crashes: 0, reason: null, error: null, progress: null, retryOf: null,
        createdAt, startedAt: null, endedAt: null,
      };
      expect(await s.store.jobs.get(jobId)).toEqual(fresh);
      const { lease } = await s.claimOne();
      s.advance(5);
      await s.begin(lease, [1]);
      await s.store.jobs.progress(lease, { seq: 1, done: 3, total: 10 });
      expect(await s.store.jobs.get(jobId)).toEqual({ ...fresh, state: 'running', attempts: 1, startedAt: createdAt + 5, progress: { done: 3, total: 10 } });
      for (const unknown of ['job_lane_none_1', 'nonsense', '']) expect(await s.store.jobs.get(unknown as JobId)).toBe(null);
    });

    test('a worker that was fenced off tells nothing any more', async (s) => {
      await add(s);
      const first = await s.claimOne();
      s.advance(LEASE_MS + 1);
      await s.claimOne({ owner: 'w2' });
      await expect(s.store.jobs.progress(first.lease, { seq: 1, done: 1, total: 2 })).rejects.toBeInstanceOf(LeaseLost);
    });
  });

  describe('keys', () => {
    test('one job, whatever became of it', async (s) => {
      const first = await add(s, 'a');
      expect(await add(s, 'a')).toEqual({ ...first, isNew: false });
      await end(s, 'completed');
      expect(await add(s, 'a')).toEqual({ ...first, isNew: false });
      expect((await s.claim()).claimed).toEqual([]);
    });

    test('to be reused: one job at a time, also when it died; a new one when the last is over', async (s) => {
      const addAgain = (of: Scene, key: string) => add(of, key, true);
      const first = await addAgain(s, 'a');
      expect(first.isNew).toBe(true);
      expect(await addAgain(s, 'a')).toEqual({ ...first, isNew: false });
      await end(s, 'dead');
      expect(await addAgain(s, 'a')).toEqual({ ...first, isNew: false });
      const retried = await s.store.deadLetters.retry(first.jobId);
      expect((await addAgain(s, 'a')).jobId).toBe(retried.kind === 'retried' ? retried.retriedAs : 'not retried');
      await end(s, 'completed');
      const second = await addAgain(s, 'a');
      expect(second.isNew).toBe(true);
      expect(second.laneId).not.toBe(first.laneId);
      expect((await s.claim()).claimed).toHaveLength(1);
    });

    test('racing adders, and repetitions in one batch: one job', async (s) => {
      const all = await Promise.all(Array.from({ length: 6 }, (_, i) => add(s, `k${i % 2}`)));
      expect(all.filter((each) => each.isNew)).toHaveLength(2);
      expect(new Set(all.map((each) => each.jobId)).size).toBe(2);
      expect((await s.claim()).claimed).toHaveLength(2);
    });

    test('jobs without a key are all different', async (s) => {
      const all = await Promise.all(Array.from({ length: 3 }, () => add(s)));
      expect(new Set(all.map((each) => each.jobId)).size).toBe(3);
    });

    test('are looked up, and listed while they are open', async (s) => {
      const a = await add(s, 'legacy:a');
      await end(s, 'completed');
      const [b, c] = [await add(s, 'legacy:b'), await add(s, 'legacy:c')];
      await add(s, 'other:d');
      expect(await s.store.jobs.keyed(['legacy:c', 'none', 'legacy:a'])).toHaveLength(2);
      expect(await s.store.jobs.keyed(['legacy:a'])).toEqual([{ key: 'legacy:a', jobId: a.jobId, state: 'completed' }]);
      const page = (after: string | null, limit: number) => s.store.jobs.openKeys({ prefix: 'legacy:', after, limit });
      expect((await page(null, 10)).map((each) => each.jobId)).toEqual([b.jobId, c.jobId]);
      expect(await page(null, 1)).toEqual([{ key: 'legacy:b', jobId: b.jobId, state: 'available' }]);
      expect((await page('legacy:b', 10)).map((each) => each.key)).toEqual(['legacy:c']);
    });
  });
}
