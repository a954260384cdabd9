import { describe, expect } from 'vitest';
import type { LaneId } from '../../src/domain/ids.ts';
import { LEASE_MS, on } from './scene.ts';
import type { Harness } from './scene.ts';

/** What engines that keep wake-ups outside the store ask it. */
export function lanesSuite(harness: Harness): void {
  const test = on(harness);

  describe('lanes', () => {
    test('an idle lane, or none at all, is not due', async (s) => {
      expect(await s.store.lanes.due('cnv_none' as LaneId)).toBeNull();
      expect(await s.store.lanes.counts()).toEqual({ ready: 0, held: 0, parked: 0 });
      expect(await s.store.lanes.ready(10)).toEqual([]);
    });

    test('a lane is ready, held, parked, and idle again', async (s) => {
      const { laneId } = await s.arrive({ debounceMs: 700 });
      const seen = async () => ({ due: await s.store.lanes.due(laneId), ...(await s.store.lanes.counts()) });
      expect(await seen()).toMatchObject({ due: { inMs: 700, held: false }, parked: 1, held: 0, ready: 0 });
      s.advance(700);
      expect(await s.store.lanes.due(laneId)).toEqual({ inMs: 0, held: false });
      expect(await s.store.lanes.ready(10)).toEqual([laneId]);
      expect(await s.store.lanes.counts()).toEqual({ ready: 1, held: 0, parked: 0 });
      const { lease, open } = await s.claimOne();
      expect(await s.store.lanes.due(laneId)).toEqual({ inMs: LEASE_MS, held: true });
      expect(await s.store.lanes.counts()).toEqual({ ready: 0, held: 1, parked: 0 });
      await s.store.mailbox.release(lease, { parkMs: 5_000 });
      expect(await s.store.lanes.due(laneId)).toEqual({ inMs: 5_000, held: false });
      expect(await s.store.lanes.counts()).toEqual({ ready: 0, held: 0, parked: 1 });
      s.advance(5_000);
      const again = await s.claimOne();
      await s.answer(again.lease, [1]);
      await s.store.mailbox.release(again.lease, { drained: open.seen });
      expect(await s.store.lanes.due(laneId)).toBeNull();
      expect(await s.store.lanes.counts()).toEqual({ ready: 0, held: 0, parked: 0 });
    });

    test('a lane whose holder fell silent is ready when its lease has ended', async (s) => {
      const { laneId } = await s.arrive();
      await s.claimOne();
      s.advance(LEASE_MS);
      expect(await s.store.lanes.ready(10)).toEqual([laneId]);
      expect(await s.store.lanes.counts()).toEqual({ ready: 1, held: 0, parked: 0 });
    });

    test('no more are told than were asked for', async (s) => {
      for (const conversation of ['a', 'b', 'c']) await s.arrive({ conversation });
      expect(await s.store.lanes.ready(2)).toHaveLength(2);
      expect(await s.store.lanes.counts()).toMatchObject({ ready: 3 });
    });

    test('paused lanes are ready all the same', async (s) => {
      const { laneId } = await s.arrive();
      await s.store.controls.pause({ scope: 'all' });
      await s.claim();
      expect(await s.store.lanes.due(laneId)).toEqual({ inMs: 0, held: false });
      expect(await s.store.lanes.ready(10)).toEqual([laneId]);
      expect(await s.store.lanes.counts()).toEqual({ ready: 1, held: 0, parked: 0 });
    });
  });
}
