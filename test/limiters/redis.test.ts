import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import type { LimitAsk } from '../../src/domain/limit.ts';
import { commandsOf, connectRedis, openRedisLimiter } from '../../src/limiters/redis/index.ts';
import type { Limiter } from '../../src/ports/limiter.ts';
import { limiterSuite } from '../conformance/limiter.suite.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';

const program = redisProgram();
/** Longer than any busy moment of a machine that runs other tests, too. */
const timeoutMs = 10_000;

describe.skipIf(!program)('the limiter in Redis', () => {
  let server: TestRedis;
  let limiter: Limiter;
  /** For looking in from outside. */
  let admin: Redis;

  const open = (prefix = 'test', maxBatch?: number): Promise<Limiter> =>
    openRedisLimiter({ commands: connectRedis(server.url, () => {}), clock: systemClock, prefix, timeoutMs, maxBatch });

  beforeAll(async () => {
    server = await startRedis(program ?? '');
    admin = new Redis(server.url);
    limiter = await open();
  });
  afterAll(async () => {
    await limiter?.close();
    admin?.disconnect();
    await server?.stop();
  });

  describe('batched', () => {
    limiterSuite(() => ({ limiter, decisions: 20_000 }));
  });

  describe('one call per decision', () => {
    let plain: Limiter;
    beforeAll(async () => void (plain = await open('plain', 1)));
    afterAll(() => plain.close());
    limiterSuite(() => ({ limiter: plain, decisions: 3000 }));
  });

  const ask = (org: string, key: string, limit = 10, windowMs = 60_000): LimitAsk => ({ org, rules: [{ name: 'conversation', key, limit, windowMs }] });
  const callsOf = async (command: string): Promise<number> => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await admin.info('commandstats'))?.[1] ?? 0);

  it('takes at most 176 bytes of a key at 10 a minute, and 448 at 60', async () => {
    const key = 'cnv_01jz8k4m9q2w7x5c3v1b';
    for (let n = 0; n < 60; n++) {
      await limiter.check(ask('org_01jz8k', key, 10));
      await limiter.check({ org: 'org_01jz8k', rules: [{ name: 'send_text', key: 'org_01jz8k', limit: 60, windowMs: 60_000 }] });
    }
    expect(await admin.memory('USAGE', `test:{org_01jz8k}:rate:conversation:${key}`)).toBeLessThanOrEqual(176);
    expect(await admin.memory('USAGE', 'test:{org_01jz8k}:rate:send_text:org_01jz8k')).toBeLessThanOrEqual(448);
  });

  it('keeps all keys of an org in one slot, and lets them end with their window', async () => {
    const org = 'slot{x}y';
    await limiter.check({ org, rules: [{ name: 'a', key: '{1}', limit: 3, windowMs: 40 }, { name: 'b', key: '2', limit: 3, windowMs: 30 }] });
    const keys = ['test:{slot%7Bx%7Dy}:rate:a:{1}', 'test:{slot%7Bx%7Dy}:rate:b:2'];
    expect(await admin.exists(...keys)).toBe(2);
    const slots = await Promise.all(keys.map((key) => admin.cluster('KEYSLOT', key).catch(() => 'one')));
    expect(new Set(slots).size).toBe(1);
    while ((await admin.exists(...keys)) > 0) await wait(5);
  });

  it('goes on when Redis has forgotten the scripts', async () => {
    await limiter.check(ask('flushed', 'c'));
    await admin.script('FLUSH');
    expect(await limiter.check(ask('flushed', 'c'))).toMatchObject({ allowed: true, count: 2, source: 'redis' });
  });

  it('lets what waits travel in one call', async () => {
    const before = (await callsOf('evalsha')) + (await callsOf('eval'));
    const decisions = await Promise.all(Array.from({ length: 100 }, () => limiter.check(ask('together', 'c'))));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(10);
    expect((await callsOf('evalsha')) + (await callsOf('eval')) - before).toBeLessThanOrEqual(2);
  });

  it('spends one call on a flood of 20,000 denied decisions', async () => {
    for (let n = 0; n < 10; n++) await limiter.check(ask('flood', 'c'));
    const before = await callsOf('evalsha');
    const denied = new Set<boolean>();
    for (let wave = 0; wave < 10; wave++) {
      const decisions = await Promise.all(Array.from({ length: 2000 }, () => limiter.check(ask('flood', 'c'))));
      for (const { allowed } of decisions) denied.add(allowed);
    }
    expect([...denied]).toEqual([false]);
    // The count of active keys may have been written once a second meanwhile.
    const ended = (await callsOf('evalsha')) - before;
    expect(ended).toBeLessThanOrEqual(3);
    expect(await limiter.check(ask('flood', 'c', 11))).toMatchObject({ allowed: true });
  });

  it('says after how long it really is allowed again', async () => {
    const short = ask('real-time', 'c', 2, 80);
    await limiter.check(short);
    await limiter.check(short);
    const { retryAfterMs } = await limiter.check(short);
    expect(retryAfterMs).toBeLessThanOrEqual(80);
    await wait(retryAfterMs + 1);
    expect(await limiter.check(short)).toMatchObject({ allowed: true });
  });

  it('counts together what several processes ask', async () => {
    const other = await open();
    const decisions = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? limiter : other).check(ask('shared', 'c'))));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(10);
    await other.close();
  });

  it('works over a client that belongs to somebody else, and leaves it open', async () => {
    const mine = await openRedisLimiter({ commands: commandsOf(admin), clock: systemClock, prefix: 'theirs', timeoutMs });
    expect(await mine.check(ask('o', 'c'))).toMatchObject({ allowed: true, source: 'redis' });
    await mine.close();
    expect(await admin.ping()).toBe('PONG');
  });

  it('refuses a prefix that would choose the slot', async () => {
    const options = { commands: commandsOf(admin), clock: systemClock, timeoutMs };
    await expect(openRedisLimiter({ ...options, prefix: '{x}' })).rejects.toThrow(/prefix must be 1 to 100 letters/);
    await expect(openRedisLimiter({ ...options, prefix: 'x', maxBatch: 129 })).rejects.toThrow(/maxBatch must be from 1 to 128/);
  });

  it('rejects in time when Redis does not answer, or is not there', async () => {
    const own = await openRedisLimiter({ commands: connectRedis(server.url, () => {}), clock: systemClock, prefix: 'late', timeoutMs: 25 });
    await own.check(ask('o', 'c')).catch(() => {});
    server.freeze();
    const startedAt = performance.now();
    await expect(own.check(ask('o', 'c'))).rejects.toMatchObject({ code: 'limiter_unavailable', message: expect.stringContaining('25 ms') as string });
    expect(performance.now() - startedAt).toBeLessThan(1000);
    server.thaw();
    await own.close();
  });
});
