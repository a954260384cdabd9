import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { observer, redisEngine, serves, type RedisEngine } from './redis-yard.ts';
import { Workyard } from './workyard.ts';

const program = redisProgram();

/** Within so long after healing everything goes through Redis again, ms. */
const BACK_MS = 3_000;

interface Fault {
  name: string;
  break(redis: TestRedis, proxy: TcpProxy): Promise<void> | void;
  heal(redis: TestRedis, proxy: TcpProxy): Promise<unknown> | void;
}

const FAULTS: Fault[] = [
  { name: 'killed', break: (redis) => redis.down(), heal: (redis) => redis.up() },
  { name: 'frozen', break: (redis) => redis.freeze(), heal: (redis) => redis.thaw() },
  { name: 'full', break: async (redis) => void (await redis.command('CONFIG SET maxmemory 1')), heal: (redis) => redis.command('CONFIG SET maxmemory 0') },
  { name: 'read-only', break: async (redis) => void (await redis.command('REPLICAOF 127.0.0.1 1')), heal: (redis) => redis.command('REPLICAOF NO ONE') },
  { name: 'paused by CLIENT PAUSE', break: async (redis) => void (await redis.command('CLIENT PAUSE 2500 ALL')), heal: () => systemClock.sleep(1_500) },
  { name: 'silent: half-open connections', break: (_redis, proxy) => void (proxy.mode = 'dead'), heal: (_redis, proxy) => void (proxy.mode = 'pass') },
  { name: 'deaf: answers are swallowed', break: (_redis, proxy) => void (proxy.mode = 'deaf'), heal: (_redis, proxy) => void (proxy.mode = 'pass') },
  { name: 'slow', break: (_redis, proxy) => void (proxy.delayMs = 700), heal: (_redis, proxy) => void (proxy.delayMs = 0) },
];

describe.skipIf(program === null)('the engine when Redis fails', () => {
  let redis: TestRedis;
  let proxy: TcpProxy;
  let yard: Workyard;
  let made: RedisEngine | null = null;

  beforeAll(async () => {
    redis = await startRedis(program as string);
    proxy = await startTcpProxy(redis.port);
  });
  afterAll(async () => {
    await proxy.stop();
    await redis.stop();
  });
  beforeEach(async () => {
    yard = await Workyard.open();
  });
  afterEach(async () => {
    await made?.engine.stop(0);
    await made?.close();
    made = null;
    await yard.close();
  });

  function start(): RedisEngine {
    made = redisEngine(`redis://127.0.0.1:${proxy.port}`, yard);
    made.engine.start(yard.drain);
    return made;
  }

  /** Work for ten lanes, woken as it comes. */
  async function give({ engine }: RedisEngine, count: number): Promise<void> {
    for (let n = 0; n < count; n++) engine.wake(await yard.add(yard.lane(`l${n % 10}`)));
  }

  it.each(FAULTS)('$name: the work goes on, and comes back to Redis by itself', async (fault) => {
    const engine = start();
    await engine.ready();
    await give(engine, 20);
    await fault.break(redis, proxy);
    try {
      await give(engine, 20);
      await serves(engine.engine, 'local');
      expect(engine.link.breaker).not.toBe('closed');
      await give(engine, 20);
      await yard.finished(60);
      expect(yard.telemetry.gauges.get('degraded_mode{redis_engine}')).toBe(1);
      expect(yard.telemetry.gauges.get('breaker_open{redis}')).toBe(1);
    } finally {
      await fault.heal(redis, proxy);
    }
    await serves(engine.engine, 'bullmq', BACK_MS);
    expect(engine.link.breaker).toBe('closed');
    await give(engine, 20);
    await yard.finished(80);
    expect(yard.telemetry.gauges.get('degraded_mode{redis_engine}')).toBe(0);
    expect(yard.telemetry.lines.filter((line) => /Redis (answers|does not serve)/.test(line)).map((line) => line.replace(/:.*/, ''))).toEqual([
      '[RESILIENCE] Redis answers', '[RESILIENCE] Redis does not serve', '[RESILIENCE] Redis answers again',
    ]);
  }, 30_000);

  it('emptied, its scripts too, with wake-ups waiting, running and delayed: all that they were about is done', async () => {
    const engine = start();
    await engine.ready();
    const gate = Promise.withResolvers<void>();
    yard.work = async ({ seq }) => (seq === 1 ? gate.promise : undefined);
    await give(engine, 40);
    await expect.poll(() => yard.mostAtOnce).toBe(3);
    await redis.command('FLUSHALL');
    await redis.command('SCRIPT FLUSH');
    gate.resolve();
    await yard.finished(40);
    await give(engine, 20);
    await yard.finished(60);
    await serves(engine.engine, 'bullmq', BACK_MS);
  }, 20_000);

  it('absent at the start: it works without, and is used once it is there', async () => {
    await redis.down();
    const engine = start();
    await give(engine, 10);
    await yard.finished(10);
    expect(engine.engine.stats().mode).toBe('local');
    expect(engine.engine.mode).toBe('bullmq');
    await redis.up();
    await serves(engine.engine, 'bullmq', BACK_MS);
    await give(engine, 10);
    await yard.finished(20);
  }, 20_000);

  it('what was parked while Redis was away is taken up in its time', async () => {
    const engine = start();
    await engine.ready();
    await redis.down();
    await serves(engine.engine, 'local');
    const tries: number[] = [];
    yard.work = async ({ at }) => (tries.push(at) === 1 ? 2_000 : undefined);
    await give(engine, 1);
    await expect.poll(() => tries.length).toBe(1);
    await redis.up();
    await serves(engine.engine, 'bullmq', BACK_MS);
    await yard.finished(1);
    expect((tries[1] ?? 0) - (tries[0] ?? 0)).toBeLessThan(2_600);
  }, 20_000);

  it('a wrong password: it works without Redis, and says why without saying the password', async () => {
    await redis.command('CONFIG SET requirepass right-one');
    try {
      made = redisEngine(`redis://:not-to-be-told@127.0.0.1:${redis.port}`, yard);
      made.engine.start(yard.drain);
      await give(made, 10);
      await yard.finished(10);
      await expect.poll(() => yard.telemetry.details.join('\n')).toMatch(/WRONGPASS/);
      expect(yard.telemetry.details.join('\n')).not.toContain('not-to-be-told');
    } finally {
      const admin = observer(`redis://:right-one@127.0.0.1:${redis.port}`);
      await admin.config('SET', 'requirepass', '');
      admin.disconnect();
    }
  }, 20_000);

  it('a stop ends in time while Redis is frozen', async () => {
    const engine = start();
    await engine.ready();
    await give(engine, 10);
    await yard.finished(10);
    redis.freeze();
    try {
      const startedAt = performance.now();
      await engine.engine.stop(500);
      await engine.close();
      expect(performance.now() - startedAt).toBeLessThan(3_000);
    } finally {
      made = null;
      redis.thaw();
    }
  }, 20_000);

  it('no connection is left over after twenty breaks', async () => {
    const engine = start();
    await engine.ready();
    const watch = observer(redis.url);
    try {
      const ours = async () => String(await watch.call('CLIENT', 'LIST')).split('\n').filter((line) => line.includes('name=w1:')).length;
      const before = await ours();
      for (let n = 0; n < 20; n++) {
        await watch.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        await serves(engine.engine, 'local', 2_000);
        await serves(engine.engine, 'bullmq', BACK_MS);
      }
      await give(engine, 10);
      await yard.finished(10);
      expect(before).toBeGreaterThan(0);
      await expect.poll(ours).toBe(before);
    } finally {
      watch.disconnect();
    }
  }, 60_000);
});
