import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { LimiterUnavailable, type LimitAsk, type LimitDecision, type PaceRule } from '../../src/domain/limit.ts';
import { createMemoryLimiter } from '../../src/limiters/memory/index.ts';
import { connectRedis, openRedisLimiter } from '../../src/limiters/redis/index.ts';
import { createResilientLimiter } from '../../src/limiters/resilient/index.ts';
import type { Limiter } from '../../src/ports/limiter.ts';
import { limiterSuite } from '../conformance/limiter.suite.ts';
import { manualClock } from '../support/manual-clock.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';

const ask = (key: string, limit = 10, org = 'o'): LimitAsk => ({ org, rules: [{ name: 'conversation', key, limit, windowMs: 60_000 }] });
const pair: PaceRule = { name: 'pair', key: 'user', intervalMs: 6000, burst: 2 };

/** A store that can be told to stop answering. */
function scene() {
  const clock = manualClock();
  const store = createMemoryLimiter({ clock });
  const state = { isDown: false, failsAfterMs: 0, calls: 0 };
  const orFail = async <T>(run: () => Promise<T>): Promise<T> => {
    state.calls += 1;
    if (!state.isDown) return run();
    if (state.failsAfterMs > 0) await clock.sleep(state.failsAfterMs);
    throw new LimiterUnavailable('it is down');
  };
  const primary: Limiter = {
    ...store,
    check: (asked) => orFail(() => store.check(asked).then((decision) => ({ ...decision, source: 'redis' }))),
    peek: (asked) => orFail(() => store.peek(asked)),
    reserve: (asked) => orFail(() => store.reserve(asked)),
    penalize: (asked) => orFail(() => store.penalize(asked)),
    seen: (asked) => orFail(() => store.seen(asked)),
    stats: () => orFail(async () => ({ ...(await store.stats()), source: 'redis' })),
    ping: () => orFail(() => store.ping()),
    close: () => store.close(),
  };
  const switches: string[] = [];
  const limiter = createResilientLimiter({ primary, local: createMemoryLimiter({ clock }), clock, onSwitch: (to, reason) => void switches.push(`${to}: ${reason}`) });
  const many = async (n: number, asked: LimitAsk): Promise<LimitDecision[]> => {
    const decisions: LimitDecision[] = [];
    for (let i = 0; i < n; i++) decisions.push(await limiter.check(asked));
    return decisions;
  };
  return { clock, limiter, state, switches, many };
}

const allowedOf = (decisions: LimitDecision[]): number => decisions.filter(({ allowed }) => allowed).length;
const sourcesOf = (decisions: LimitDecision[]): string[] => [...new Set(decisions.map(({ source }) => source))];

describe('the resilient limiter, on a store that fails', () => {
  it('goes on from the count it has mirrored, and lets through exactly what is left', async () => {
    const { limiter, state, many } = scene();
    await many(50, ask('c', 60));
    state.isDown = true;
    const during = await many(40, ask('c', 60));
    expect(allowedOf(during)).toBe(10);
    expect(sourcesOf(during)).toEqual(['memory']);
    expect(await limiter.check(ask('c', 60))).toMatchObject({ allowed: false, count: 60, retryAfterMs: 60_000 });
    await limiter.close();
  });

  it('stops asking after three failures, looks now and then whether the store is back, and returns by itself', async () => {
    const { limiter, state, switches, many, clock } = scene();
    state.isDown = true;
    await many(100, ask('c'));
    expect(state.calls).toBe(3);
    expect(await limiter.stats()).toMatchObject({ source: 'memory', isAvailable: false, activeKeys: null, localKeys: 1 });
    await clock.advance(1000);
    expect(state.calls).toBe(3 + 5);
    state.isDown = false;
    await clock.advance(200);
    expect(sourcesOf(await many(1, ask('other')))).toEqual(['redis']);
    expect(await limiter.stats()).toMatchObject({ source: 'redis', isAvailable: true });
    expect(switches).toEqual(['memory: the rate limiter\'s store did not decide: it is down', 'primary: null']);
    await limiter.close();
  });

  it('does not let through the limit once more because the store forgot what was allowed meanwhile', async () => {
    const { limiter, state, many, clock } = scene();
    state.isDown = true;
    expect(allowedOf(await many(20, ask('c')))).toBe(10);
    state.isDown = false;
    await clock.advance(200);
    expect(allowedOf(await many(20, ask('c')))).toBe(0);
    expect(sourcesOf(await many(1, ask('d')))).toEqual(['redis']);
    await clock.advance(60_000);
    const after = await many(20, ask('c'));
    expect([allowedOf(after), sourcesOf(after)]).toEqual([10, ['redis']]);
    await limiter.close();
  });

  it('counts what was decided here between two answers of the store: now and then a failure lets nobody have more', async () => {
    const { limiter, state, clock } = scene();
    let allowed = 0;
    for (let n = 0; n < 60; n++) {
      state.isDown = n % 3 !== 0;
      if ((await limiter.check(ask('c'))).allowed) allowed += 1;
      await clock.advance(10);
    }
    expect(allowed).toBe(10);
    await limiter.close();
  });

  it('a store that cannot count its keys in time still decides, and failures are in a row only without an answer between them', async () => {
    const { limiter, state, switches } = scene();
    await limiter.check(ask('c'));
    state.isDown = true;
    for (let n = 0; n < 5; n++) expect(await limiter.stats()).toMatchObject({ source: 'redis', activeKeys: null });
    for (let n = 0; n < 5; n++) {
      state.isDown = true;
      await limiter.seen({ org: 'o', hash: `h${n}`, windowMs: 1000 });
      state.isDown = false;
      await limiter.seen({ org: 'o', hash: `i${n}`, windowMs: 1000 });
    }
    expect(switches).toEqual([]);
    expect(await limiter.seen({ org: 'o', hash: 'h0', windowMs: 1000 })).toMatchObject({ isDuplicate: true });
    await limiter.close();
  });

  it('takes failures that began together for one', async () => {
    const { limiter, state, clock } = scene();
    state.isDown = true;
    state.failsAfterMs = 25;
    const round = async (): Promise<void> => {
      const decided = Promise.all(Array.from({ length: 50 }, () => limiter.peek(ask('c'))));
      await clock.advance(25);
      await decided;
    };
    await round();
    await round();
    expect(state.calls).toBe(100);
    await round();
    await round();
    expect(state.calls).toBe(150);
    await limiter.close();
  });

  it('keeps the pace of sends through an outage', async () => {
    const { limiter, state, clock, many } = scene();
    const asked = { org: 'o', rules: [pair], maxWaitMs: 600_000 };
    expect([await limiter.reserve(asked), await limiter.reserve(asked)]).toMatchObject([{ waitMs: 0 }, { waitMs: 0 }]);
    state.isDown = true;
    await many(3, ask('c'));
    expect([await limiter.reserve(asked), await limiter.reserve(asked)]).toMatchObject([{ waitMs: 6000, source: 'memory' }, { waitMs: 12_000 }]);
    state.isDown = false;
    await clock.advance(200);
    expect(await limiter.reserve(asked)).toMatchObject({ reserved: true, waitMs: 17_800 });
    await limiter.close();
  });

  it('knows duplicates through an outage', async () => {
    const { limiter, state, many } = scene();
    const mark = { org: 'o', hash: 'abc', windowMs: 5000 };
    expect(await limiter.seen(mark)).toMatchObject({ isDuplicate: false });
    state.isDown = true;
    await many(3, ask('c'));
    expect(await limiter.seen(mark)).toEqual({ isDuplicate: true, source: 'memory' });
    await limiter.close();
  });

  it('passes on what is wrong with an ask', async () => {
    const { limiter } = scene();
    await expect(limiter.check(ask('c', 0))).rejects.toMatchObject({ code: 'limit_invalid' });
    await limiter.close();
  });
});

const program = redisProgram();

describe.skipIf(!program)('the resilient limiter, on Redis', () => {
  let server: TestRedis;
  let limiter: Limiter;
  const open = async (prefix: string, timeoutMs: number): Promise<Limiter> => {
    const primary = await openRedisLimiter({ commands: connectRedis(server.url, () => {}), clock: systemClock, prefix, timeoutMs });
    return createResilientLimiter({ primary, local: createMemoryLimiter({ clock: systemClock }), clock: systemClock });
  };
  beforeAll(async () => {
    server = await startRedis(program ?? '');
    limiter = await open('suite', 10_000);
  });
  afterAll(async () => {
    await limiter?.close();
    await server?.stop();
  });

  limiterSuite(() => ({ limiter, decisions: 3000 }));

  it.each(['frozen', 'gone'] as const)('decides in time while Redis is %s, and returns within 2 s', async (how) => {
    const own = await open(how, 25);
    while ((await own.check(ask('first'))).source !== 'redis') await wait(10);
    for (let n = 0; n < 5; n++) await own.check(ask('c'));
    if (how === 'frozen') server.freeze();
    else await server.down();
    const decisions: LimitDecision[] = [];
    for (let n = 0; n < 30; n++) decisions.push(await own.check(ask('c')));
    expect(allowedOf(decisions)).toBe(5);
    expect(decisions.at(-1)).toMatchObject({ source: 'memory', allowed: false });
    if (how === 'frozen') server.thaw();
    else await server.up();
    const backAt = performance.now();
    while ((await own.check(ask(`probe ${Math.random()}`))).source !== 'redis') await wait(10);
    expect(performance.now() - backAt).toBeLessThan(2000);
    expect((await own.check(ask('c'))).allowed).toBe(false);
    await own.close();
  });
});
