import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDeduper, createRateLimiter, type RateLimiterOptions } from '../../src/app/rate-limiter.ts';
import type { Said } from '../../src/domain/duplicate.ts';
import { manualClock } from '../support/manual-clock.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';

const ask = { org: 'bakery', rules: [{ name: 'conversation', key: 'c', limit: 2, windowMs: 60_000 }] };
const said: Said = { orgId: 'bakery', channelId: 'chn_1', conversation: '7', author: 'ana', text: 'hello' };

describe('createRateLimiter', () => {
  it('needs nothing: it counts in this process', async () => {
    const limiter = await createRateLimiter();
    const decisions = [await limiter.check(ask), await limiter.check(ask), await limiter.check(ask)];
    expect(decisions.map(({ allowed, source }) => [allowed, source])).toEqual([[true, 'memory'], [true, 'memory'], [false, 'memory']]);
    await limiter.close();
  });

  it('refuses options that cannot be used, and names them', async () => {
    await expect(createRateLimiter({ redisUrl: 'redis://127.0.0.1:1', prefix: 'a b' })).rejects.toThrow(/prefix must be/);
    const wrong: [RateLimiterOptions, RegExp][] = [
      [{ redisUrl: 'localhost' }, /redisUrl must be an address/], [{ redis: {} as never }, /redis must be a client/], [{ postgres: {} as never }, /postgres must be a pool/],
      [{ timeoutMs: 0 }, /timeoutMs must be/], [{ maxKeys: Number.NaN }, /maxKeys must be/],
      [{ redisUrl: 'redis://127.0.0.1:1', postgres: { query: async () => ({ rows: [] }) } }, /one at the most/],
    ];
    for (const [options, words] of wrong) await expect(createRateLimiter(options)).rejects.toThrow(words);
  });

  it('refuses asks that cannot be meant, and names the field', async () => {
    const limiter = await createRateLimiter();
    const [rule] = ask.rules;
    const pace = { name: 'pair', key: 'u', intervalMs: 1000, burst: 1 };
    const wrong: [Promise<unknown>, RegExp][] = [
      [limiter.check(undefined as never), /org must be/], [limiter.check({ org: 'o' } as never), /rules must be/], [limiter.check({ org: 'o', rules: [null] } as never), /name of a rule/],
      [limiter.check({ org: 'o', rules: [{ ...rule, name: undefined }] } as never), /name of a rule/], [limiter.penalize({ org: 'o', rule: pace, forMs: 0 }), /forMs must be/],
      [limiter.reserve(undefined as never), /org must be/], [limiter.seen(undefined as never), /org must be/],
    ];
    for (const [refused, words] of wrong) await expect(refused).rejects.toThrow(words);
    await limiter.close();
  });

  it('decides at once when there is no Redis where there should be one', { timeout: 10_000 }, async () => {
    const switches: string[] = [];
    const limiter = await createRateLimiter({ redisUrl: 'redis://127.0.0.1:1', onSwitch: (to) => void switches.push(to) });
    for (let n = 0; n < 4; n++) expect(await limiter.check(ask)).toMatchObject({ source: 'memory', allowed: n < 2 });
    await limiter.check({ ...ask, org: 'clinic' });
    expect(switches).toEqual(['memory']);
    await limiter.close();
  });
});

describe('createDeduper', () => {
  it('knows a message of the same sender again, for its window, and nobody else\'s', async () => {
    const clock = manualClock();
    const deduper = await createDeduper({ clock });
    const first = await deduper.check(said);
    expect(first).toEqual({ isDuplicate: false, hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string, source: 'memory' });
    expect(await deduper.check(said)).toEqual({ ...first, isDuplicate: true });
    for (const other of [{ author: 'luis' }, { conversation: '8' }, { channelId: 'chn_2' }, { orgId: 'clinic' }, { text: 'bye' }]) {
      expect(await deduper.check({ ...said, ...other }), JSON.stringify(other)).toMatchObject({ isDuplicate: false });
    }
    await clock.advance(5000);
    expect(await deduper.check(said)).toMatchObject({ isDuplicate: false });
    await deduper.close();
  });
});

const program = redisProgram();

describe.skipIf(!program)('the library on Redis', () => {
  let server: TestRedis;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis(program ?? '');
    client = new Redis(server.url);
  });
  afterAll(async () => {
    client?.disconnect();
    await server?.stop();
  });

  /** What is used of the package `redis`: its shape is its own. */
  const nodeRedis = () => ({ isReady: true, sendCommand: (args: string[]) => client.call(args[0] as string, args.slice(1)) });

  it.each([
    ['a URL', () => ({ redisUrl: server.url })],
    ['a client of ioredis', () => ({ redis: client })],
    ['a client of the package redis', () => ({ redis: nodeRedis() })],
  ])('counts and remembers over %s', async (name, options) => {
    const prefix = name.replaceAll(' ', '-');
    const limiter = await createRateLimiter({ ...options(), prefix, timeoutMs: 5000 });
    const deduper = await createDeduper({ limiter });
    const decisions = [await limiter.check(ask), await limiter.check(ask), await limiter.check(ask)];
    expect(decisions.map(({ allowed, source }) => [allowed, source])).toEqual([[true, 'redis'], [true, 'redis'], [false, 'redis']]);
    expect([await deduper.check(said), await deduper.check(said)]).toMatchObject([{ isDuplicate: false, source: 'redis' }, { isDuplicate: true, source: 'redis' }]);
    expect(await limiter.stats()).toEqual({ source: 'redis', isAvailable: true, activeKeys: 1, activeMarks: 1, localKeys: 1, localMarks: 1 });
    await deduper.close();
    await limiter.close();
    expect(await client.ping()).toBe('PONG');
  });
});
