import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import type { LaneId } from '../../src/domain/ids.ts';
import type { LaneDue } from '../../src/ports/lanes.ts';
import type { Taken } from '../../src/ports/engine.ts';
import { serveWakeups } from '../../src/engines/bullmq/serve-wakeup.ts';
import type { Wakeup } from '../../src/engines/bullmq/session.ts';
import type { WakeupCounts } from '../../src/ports/engine-watch.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';
import { observer, redisEngine, type RedisEngine, type RedisOptions } from './redis-yard.ts';
import { notingTelemetry, Workyard } from './workyard.ts';

const program = redisProgram();

describe.skipIf(program === null)('wake-ups in Redis', () => {
  let redis: TestRedis;
  let seen: Redis;
  let yard: Workyard;
  let engines: RedisEngine[] = [];

  beforeAll(async () => {
    redis = await startRedis(program as string);
    seen = observer(redis.url);
  });
  afterAll(async () => {
    seen.disconnect();
    await redis.stop();
  });
  beforeEach(async () => {
    yard = await Workyard.open();
    await seen.flushall();
  });
  afterEach(async () => {
    for (const { engine, close } of engines) {
      await engine.stop(0);
      await close();
    }
    engines = [];
    await yard.close();
  });

  async function start(options: RedisOptions = {}): Promise<RedisEngine> {
    const made = redisEngine(redis.url, yard, { prefix: 'shared', ...options });
    engines.push(made);
    made.engine.start(yard.drain);
    await made.ready();
    return made;
  }

  const counts = async ({ link }: RedisEngine): Promise<WakeupCounts> => (await link.session?.counts()) as WakeupCounts;
  const settled = (made: RedisEngine, expected: Partial<WakeupCounts>) =>
    expect.poll(() => counts(made), { timeout: 4_000, interval: 10 }).toEqual({ waiting: 0, active: 0, delayed: 0, ...expected });

  it('hold the lane’s id and nothing else, under keys of one cluster slot', async () => {
    const made = await start();
    made.engine.wake(await yard.add(yard.lane('a')));
    made.engine.wake(yard.lane('later'), 60_000);
    await yard.finished(1);
    await settled(made, { delayed: 1 });
    const keys = await seen.keys('*');
    expect(keys.every((key) => key.startsWith('{shared}:messages:'))).toBe(true);
    const jobs = await Promise.all(keys.filter((key) => /:\d+$/.test(key)).map((key) => seen.hgetall(key)));
    expect(jobs.map(({ name }) => name)).toEqual(['lane', 'lane']);
    expect(jobs.map(({ data }) => Object.keys(JSON.parse(data ?? '{}') as object))).toEqual([['laneId'], ['laneId']]);
  });

  it('an earlier one replaces a later one of its lane, and there is one per lane', async () => {
    const made = await start();
    made.engine.wake(yard.lane('a'), 60_000);
    made.engine.wake(yard.lane('b'), 60_000);
    await settled(made, { delayed: 2 });
    made.engine.wake(await yard.add(yard.lane('a')));
    await yard.finished(1);
    await settled(made, { delayed: 1 });
  });

  it('one that finds its lane in other hands is put back, and drains it when they let go of it', async () => {
    const made = await start();
    const lane = await yard.add(yard.lane('a'));
    await yard.store.mailbox.claim({ owner: 'silent', limit: 1, leaseMs: 700, share: { now: 0, cap: 0, orgs: [] } });
    made.engine.wake(lane);
    await settled(made, { delayed: 1 });
    expect(yard.done).toEqual([]);
    await yard.finished(1);
    await settled(made, {});
  });

  it('one that was put back does not swallow the next', async () => {
    const made = await start();
    const lane = await yard.add(yard.lane('a'));
    await yard.store.mailbox.claim({ owner: 'silent', limit: 1, leaseMs: 60_000, share: { now: 0, cap: 0, orgs: [] } });
    made.engine.wake(lane);
    await settled(made, { delayed: 1 });
    const lease = { laneId: lane, orgId: 'org_a' as never, epoch: 1 };
    await yard.store.mailbox.release(lease, { parkMs: 0 });
    made.engine.wake(lane);
    await yard.finished(1);
  });

  it('one for a lane that has no work is used up', async () => {
    const made = await start();
    made.engine.wake(yard.lane('nothing'));
    await settled(made, {});
  });

  it('one for a paused lane rests longer each time, and is not lost', async () => {
    const made = await start();
    await yard.store.controls.pause({ scope: 'all' });
    made.engine.wake(await yard.add(yard.lane('a')));
    await settled(made, { delayed: 1 });
    const job = (await seen.keys('*')).find((key) => /:\d+$/.test(key)) ?? '';
    const starts = async () => Number(await seen.hget(job, 'ats'));
    await expect.poll(starts, { timeout: 3_000 }).toBeGreaterThanOrEqual(4);
    await expect.poll(async () => Number(await seen.hget(job, 'delay'))).toBeGreaterThan(600);
  });

  it('two processes share the work, and never a lane', async () => {
    const [one, other] = [await start({ owner: 'w1' }), await start({ owner: 'w2' })];
    yard.work = () => new Promise((resolve) => setTimeout(resolve, 2));
    for (let n = 0; n < 120; n++) one.engine.wake(await yard.add(yard.lane(`l${n % 30}`)));
    await yard.finished(120);
    expect(yard.mostAtOnce).toBeGreaterThan(3);
    expect(other.engine.stats().succeeded).toBeGreaterThan(0);
    await expect.poll(() => counts(one)).toMatchObject({ waiting: 0, active: 0 });
  });

  it('a dead worker’s wake-up does not hold up its lane: the sweeper takes it as soon as the lease ends', async () => {
    const dead = await start({ owner: 'dead', leaseMs: 500 });
    const hung = Promise.withResolvers<void>();
    yard.work = () => hung.promise;
    dead.engine.wake(await yard.add(yard.lane('a')));
    await expect.poll(() => yard.mostAtOnce).toBe(1);
    dead.link.session?.end(new Error('killed'));
    await dead.link.stop();
    yard.work = async () => {};
    const alive = await start({ owner: 'alive' });
    const startedAt = performance.now();
    for (let taken = 0; taken === 0 && performance.now() - startedAt < 4_000; ) {
      taken = await alive.engine.sweep();
      await systemClock.sleep(100);
    }
    await expect.poll(() => yard.done.length, { timeout: 1_000 }).toBe(1);
    hung.resolve();
  });

  it('a lane whose wake-up vanished while it waited for its time is taken up a second late', async () => {
    const made = await start();
    const tries: number[] = [];
    yard.work = async ({ at }) => (tries.push(at) === 1 ? 600 : undefined);
    made.engine.wake(await yard.add(yard.lane('a')));
    await settled(made, { delayed: 1 });
    const [job] = await seen.zrange('{shared}:messages:delayed', '0', '-1');
    await seen.del('{shared}:messages:delayed', `{shared}:messages:${job}`);
    await yard.finished(1);
    expect((tries[1] ?? 0) - (tries[0] ?? 0)).toBeLessThan(2_500);
  });

  it('in normal running there is little for the sweeper', async () => {
    const { engine } = await start();
    let rescued = 0;
    for (let n = 0; n < 150; n++) {
      engine.wake(await yard.add(yard.lane(`l${n}`)));
      if (n % 10 === 0) rescued += await engine.sweep();
    }
    await yard.finished(150);
    expect(rescued).toBeLessThanOrEqual(5);
  });
});

describe('serving a wake-up', () => {
  const lane = 'lane_a' as LaneId;
  const other = 'lane_b' as LaneId;

  /** What became of the wake-up, given what the engine takes and the store says, one after the other. */
  async function served(taken: Taken[], due: (LaneDue | number | null)[], starts = 1) {
    const [put, woken]: [number[], [LaneId, number][]] = [[], []];
    const clock = { ...systemClock, now: () => 0 };
    const local = { take: async () => taken.shift() ?? { kind: 'nothing' as const } };
    const lanes = {
      due: async () => {
        const next = due.shift() ?? null;
        return typeof next === 'number' ? { inMs: next, held: false } : next;
      },
    };
    const serve = serveWakeups({ local, lanes, clock, telemetry: notingTelemetry(), wake: (...args) => void woken.push(args) });
    const job = { data: { laneId: lane }, attemptsStarted: starts, moveToDelayed: async (at: number) => void put.push(at) } as unknown as Job<Wakeup>;
    const end = await serve(job, 'token').then(() => 'done', (error: Error) => error.name);
    return { end, put, woken };
  }

  const drained = (laneId: LaneId): Taken => ({ kind: 'drained', laneId });

  it('it is done with its own lane', async () => {
    expect(await served([drained(lane)], [])).toEqual({ end: 'done', put: [], woken: [] });
  });

  it('it goes on with others until its own lane needs it no more', async () => {
    expect(await served([drained(other), drained(other), drained(lane)], [0, 0])).toEqual({ end: 'done', put: [], woken: [] });
    expect(await served([drained(other)], [null])).toEqual({ end: 'done', put: [], woken: [] });
  });

  it('it is put back until its own lane is due', async () => {
    expect(await served([drained(other)], [800, 790])).toEqual({ end: 'DelayedError', put: [800], woken: [] });
    expect(await served([{ kind: 'nothing' }], [800, 790])).toEqual({ end: 'DelayedError', put: [800], woken: [] });
  });

  it('a lane in other hands is looked at again before its lease ends', async () => {
    expect((await served([{ kind: 'nothing' }], [{ inMs: 15_000, held: true }, { inMs: 14_990, held: true }])).put).toEqual([1_000]);
  });

  it('what made its lane ready while it was being put back is not slept through', async () => {
    expect(await served([{ kind: 'nothing' }], [10_000, 0])).toEqual({ end: 'DelayedError', put: [10_000], woken: [[lane, 0]] });
  });

  it('a lane that cannot be taken is tried again, ever more rarely', async () => {
    expect((await served([{ kind: 'nothing' }], [0], 1)).put).toEqual([100]);
    expect((await served([{ kind: 'nothing' }], [0], 4)).put).toEqual([800]);
    expect((await served([{ kind: 'nothing' }], [0], 40)).put).toEqual([30_000]);
  });

  it('it is given back at once by a process that stops', async () => {
    expect(await served([{ kind: 'stopping' }], [])).toEqual({ end: 'DelayedError', put: [0], woken: [] });
  });
});
