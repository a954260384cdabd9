import { describe, expect, it } from 'vitest';
import type { LaneId } from '../../src/domain/ids.ts';
import type { Engine } from '../../src/ports/engine.ts';
import { OTHER, Workyard } from '../engines/workyard.ts';
import type { LocalOptions } from '../engines/workyard.ts';

/** An engine under test. */
export interface EngineUnderTest {
  engine: Engine;
  /** Resolves when it works as it is meant to. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

export interface EngineHarness {
  make(yard: Workyard, options?: LocalOptions): EngineUnderTest;
}

interface Scene {
  yard: Workyard;
  engine: Engine;
  /** Adds a job and wakes its lane. */
  give(laneId: LaneId, over?: Parameters<Workyard['add']>[1]): Promise<void>;
}

type Body = (scene: Scene) => Promise<void>;

function tests(harness: EngineHarness) {
  return (name: string, body: Body, options: LocalOptions = {}) =>
    it(name, async () => {
      const yard = await Workyard.open();
      const { engine, ready, close } = harness.make(yard, options);
      try {
        engine.start(yard.drain);
        await ready();
        await body({ yard, engine, give: async (laneId, over) => engine.wake(await yard.add(laneId, over)) });
      } finally {
        await engine.stop(1_000);
        await close();
        await yard.close();
      }
    }, 30_000);
}

/** What every engine promises, wherever its wake-ups come from. */
export function engineSuite(harness: EngineHarness): void {
  const test = tests(harness);

  describe('an engine', () => {
    test('drains the lane it was woken for', async ({ yard, give }) => {
      await give(yard.lane('a'));
      await yard.finished(1);
    });

    test('never two at once in a lane, each job once, in order', async ({ yard, give }) => {
      yard.work = () => new Promise((resolve) => setTimeout(resolve, 1));
      for (let n = 0; n < 200; n++) await give(yard.lane(`l${n % 10}`));
      await yard.finished(200);
    });

    test('fills its slots, and no more; more slots count at once', async ({ yard, engine, give }) => {
      const gate = Promise.withResolvers<void>();
      yard.work = () => gate.promise;
      for (let n = 0; n < 8; n++) await give(yard.lane(`l${n}`));
      await expect.poll(() => yard.mostAtOnce).toBe(2);
      engine.scale(5);
      await expect.poll(() => yard.mostAtOnce).toBe(5);
      gate.resolve();
      await yard.finished(8);
      expect(yard.mostAtOnce).toBe(5);
    }, { concurrency: 2 });

    test('a lane that waits is taken up in its time, without another word', async ({ yard, give }) => {
      const tries: number[] = [];
      yard.work = async ({ at }) => (tries.push(at) < 3 ? 300 : undefined);
      await give(yard.lane('a'));
      await yard.finished(1);
      const gaps = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
      expect(gaps.every((gap) => gap >= 290 && gap < 900), `gaps of ${gaps.map(Math.round).join(', ')} ms`).toBe(true);
    });

    test('a lane that is due later is taken up then', async ({ yard, engine }) => {
      const startedAt = performance.now();
      engine.wake(await yard.add(yard.lane('a'), { inMs: 400 }));
      await yard.finished(1);
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(395);
      expect(performance.now() - startedAt).toBeLessThan(1_200);
    });

    test('what comes while a lane is in hand is done as well', async ({ yard, give }) => {
      const gate = Promise.withResolvers<void>();
      yard.work = () => gate.promise;
      await give(yard.lane('a'));
      await expect.poll(() => yard.mostAtOnce).toBe(1);
      await give(yard.lane('a'));
      await give(yard.lane('a'));
      gate.resolve();
      await yard.finished(3);
    });

    test('a lane nobody was told of is found by sweeping', async ({ yard, engine }) => {
      await yard.add(yard.lane('a'));
      await yard.add(yard.lane('b'));
      for (let n = 0; n < 3; n++) await engine.sweep();
      await yard.finished(2);
    });

    test('after lost wake-ups one sweep sets off all of the work', async ({ yard, engine }) => {
      for (let n = 0; n < 60; n++) await yard.add(yard.lane(`l${n}`));
      for (let n = 0; n < 2; n++) await engine.sweep();
      await yard.finished(60);
    });

    test('one org’s flood does not keep another waiting', async ({ yard, give }) => {
      yard.work = () => new Promise((resolve) => setTimeout(resolve, 5));
      for (let n = 0; n < 100; n++) await give(yard.lane(`l${n}`));
      await give(yard.lane('small'), { orgId: OTHER });
      const before = yard.done.length;
      await expect.poll(() => yard.done.some(({ laneId }) => laneId === yard.lane('small')), { timeout: 5_000, interval: 1 }).toBe(true);
      expect(yard.done.findIndex(({ laneId }) => laneId === yard.lane('small')) - before).toBeLessThan(20);
      await yard.finished(101);
    });

    test('an org at its cap goes on as soon as it is below', async ({ yard, give }) => {
      yard.work = () => new Promise((resolve) => setTimeout(resolve, 20));
      const startedAt = performance.now();
      for (let n = 0; n < 20; n++) await give(yard.lane(`l${n}`));
      await yard.finished(20);
      expect(yard.mostAtOnce).toBe(1);
      expect(performance.now() - startedAt).toBeLessThan(2_500);
    }, { cap: 1 });

    test('what is paused stays, and goes on when it is resumed', async ({ yard, engine, give }) => {
      const { controls } = yard.store;
      await controls.pause({ scope: 'all' });
      await give(yard.lane('a'));
      for (let n = 0; n < 3; n++) await engine.sweep();
      expect(yard.done).toEqual([]);
      await controls.resume({ scope: 'all' });
      for (let n = 0; n < 2; n++) await engine.sweep();
      await yard.finished(1);
    });

    test('a stop lets what is in hand finish, takes nothing more, and leaves the rest for others', async ({ yard, engine, give }) => {
      const gate = Promise.withResolvers<void>();
      yard.work = () => gate.promise;
      for (let n = 0; n < 6; n++) await give(yard.lane(`l${n}`));
      await expect.poll(() => yard.mostAtOnce).toBe(3);
      const stopping = engine.stop(5_000);
      gate.resolve();
      await stopping;
      await yard.finished(3);
      await give(yard.lane('late'));
      expect(await engine.sweep()).toBe(0);
      expect(await yard.store.lanes.counts()).toEqual({ ready: 4, held: 0, parked: 0 });
    });

    test('a stop hands back what does not finish in time', async ({ yard, engine, give }) => {
      yard.work = (_job, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      await give(yard.lane('a'));
      await expect.poll(() => yard.mostAtOnce).toBe(1);
      await engine.stop(50);
      expect(yard.done).toEqual([]);
      expect(await yard.store.lanes.counts()).toEqual({ ready: 1, held: 0, parked: 0 });
      expect(engine.stats()).toMatchObject({ active: 0 });
    });
  });
}
