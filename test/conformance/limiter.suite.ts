import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LimitAsk, PaceRule, WindowRule } from '../../src/domain/limit.ts';
import type { Limiter } from '../../src/ports/limiter.ts';
import { isAsExpected, Oracle } from '../limiters/oracle.ts';
import { sends, traffic } from '../limiters/traffic.ts';

export interface LimiterUnderTest {
  limiter: Limiter;
  /** Random decisions that are compared with the oracle. */
  decisions: number;
}

const T = 1_800_000_000_000;
const conversation = (key: string, limit = 10): WindowRule => ({ name: 'conversation', key, limit, windowMs: 60_000 });
const orgSend = (limit = 60): WindowRule => ({ name: 'org-send', key: 'send', limit, windowMs: 60_000 });

/** What every limiter promises, in time that the test decides. `open` is asked once per test; keys of different tests must not meet. */
export function limiterSuite(open: () => LimiterUnderTest | Promise<LimiterUnderTest>): void {
  let orgs = 0;
  const newOrg = (): string => `org-${process.pid}-${++orgs}`;
  const times = async (n: number, run: (n: number) => Promise<unknown>): Promise<void> => {
    for (let i = 0; i < n; i++) await run(i);
  };

  describe('check', () => {
    it('has exactly the shape that deployments rely on', async () => {
      const { limiter } = await open();
      const org = newOrg();
      const { source, ...allowed } = await limiter.check({ org, rules: [conversation('c', 2)] }, T);
      expect(['redis', 'postgres', 'memory']).toContain(source);
      expect(allowed).toEqual({ allowed: true, count: 1, limit: 2, remaining: 1, resetAt: T + 60_000, retryAfterMs: 0, rule: 'conversation' });
      await limiter.check({ org, rules: [conversation('c', 2)] }, T + 10);
      const denied = await limiter.check({ org, rules: [conversation('c', 2)] }, T + 20);
      expect(denied).toEqual({ allowed: false, count: 2, limit: 2, remaining: 0, resetAt: T + 60_000, retryAfterMs: 59_980, source, rule: 'conversation' });
    });

    it('is all or nothing: what one rule denies consumes nothing of the others', async () => {
      const { limiter } = await open();
      const org = newOrg();
      const ask: LimitAsk = { org, rules: [conversation('full', 1), orgSend(10)] };
      await limiter.check(ask, T);
      await times(5, async () => expect((await limiter.check(ask, T + 1)).allowed).toBe(false));
      expect((await limiter.peek({ org, rules: [orgSend(10)] }, T + 1)).count).toBe(2);
    });

    it('reports the rule that denies for longest, and when allowed the one with least room', async () => {
      const { limiter } = await open();
      const org = newOrg();
      await limiter.check({ org, rules: [orgSend(1)] }, T);
      await limiter.check({ org, rules: [conversation('c', 1)] }, T + 5000);
      expect(await limiter.check({ org, rules: [conversation('c', 1), orgSend(1)] }, T + 6000)).toMatchObject({ rule: 'conversation', retryAfterMs: 59_000 });
      expect(await limiter.check({ org, rules: [conversation('d', 9), orgSend(3)] }, T + 6000)).toMatchObject({ allowed: true, rule: 'org-send', remaining: 1 });
    });

    it('counts an ask of some cost as so many events', async () => {
      const { limiter } = await open();
      const org = newOrg();
      expect(await limiter.check({ org, rules: [conversation('c')], cost: 8 }, T)).toMatchObject({ allowed: true, count: 8, remaining: 2 });
      expect(await limiter.check({ org, rules: [conversation('c')], cost: 3 }, T + 1)).toMatchObject({ allowed: false, count: 8, remaining: 2 });
      expect(await limiter.check({ org, rules: [conversation('c')], cost: 2 }, T + 2)).toMatchObject({ allowed: true, remaining: 0 });
    });

    it('keeps orgs, rules and keys apart, whatever characters they have', async () => {
      const { limiter } = await open();
      const org = newOrg();
      const places = [[org, 'a', 'k'], [`${org}}`, 'a', 'k'], [`{${org}`, 'a', 'k'], [`${org}%7D`, 'a', 'k'], [org, 'b', 'k'], [org, 'a', 'k:k'], [org, 'a', '{x}'], [org, 'a', 'ñandú 🦙'], [org, 'a', 'x'.repeat(900)]];
      for (const [of, name, key] of places as [string, string, string][]) {
        expect(await limiter.check({ org: of, rules: [{ name, key, limit: 1, windowMs: 1000 }] }, T), `${of} ${name} ${key}`).toMatchObject({ allowed: true });
        expect(await limiter.check({ org: of, rules: [{ name, key, limit: 1, windowMs: 1000 }] }, T)).toMatchObject({ allowed: false });
      }
    });

    it('follows new limits at once, up and down', async () => {
      const { limiter } = await open();
      const org = newOrg();
      await times(10, () => limiter.check({ org, rules: [conversation('c', 10)] }, T));
      expect(await limiter.check({ org, rules: [conversation('c', 10)] }, T + 1)).toMatchObject({ allowed: false });
      expect(await limiter.check({ org, rules: [conversation('c', 12)] }, T + 2)).toMatchObject({ allowed: true, count: 11, remaining: 1 });
      expect(await limiter.check({ org, rules: [conversation('c', 3)] }, T + 3)).toMatchObject({ allowed: false, count: 11, remaining: 0, retryAfterMs: 59_997 });
      expect(await limiter.check({ org, rules: [conversation('c', 3)] }, T + 60_001)).toMatchObject({ allowed: true, count: 2 });
    });

    it('is not wedged by a clock that goes back: a little is waited out, more takes the past along', async () => {
      const { limiter } = await open();
      const org = newOrg();
      const at = (now: number): Promise<unknown> => limiter.check({ org, rules: [conversation('c', 2)] }, now);
      await at(T);
      await at(T + 10_000);
      expect(await at(T + 8500)).toMatchObject({ allowed: false, retryAfterMs: 51_500 });
      const back = T - 3_600_000;
      expect(await at(back)).toMatchObject({ allowed: false, retryAfterMs: 50_000 });
      expect(await at(back + 49_999)).toMatchObject({ allowed: false, retryAfterMs: 1 });
      expect(await at(back + 50_000)).toMatchObject({ allowed: true });
    });

    it('waits out 2 s of a clock that goes back, to the ms', async () => {
      const { limiter } = await open();
      const rules = [conversation('c', 1)];
      for (const [back, retryAfterMs] of [[2000, 62_000], [2001, 60_000]] as const) {
        const org = newOrg();
        await limiter.check({ org, rules }, T);
        expect(await limiter.check({ org, rules }, T - back)).toMatchObject({ allowed: false, retryAfterMs });
      }
    });

    it('decides like the oracle on random traffic, decision by decision', async () => {
      const { limiter, decisions } = await open();
      const oracle = new Oracle();
      const prefix = newOrg();
      let compared = 0;
      for (const { now, asks } of traffic(7)) {
        const own = asks.map((ask) => ({ ...ask, org: `${prefix}/${ask.org}` }));
        const decided = await Promise.all(own.map((ask) => limiter.check(ask, now)));
        for (const [n, decision] of decided.entries()) {
          const expected = oracle.check(own[n] as LimitAsk, now);
          if (!isAsExpected(decision, expected)) expect(decision, `decision ${compared + n}`).toEqual({ ...expected, source: decision.source });
        }
        compared += asks.length;
        if (compared >= decisions) break;
      }
    });

    it('denies 1 ms before retryAfterMs has passed, and allows when it has', async () => {
      const { limiter } = await open();
      const events = fc.array(fc.record({ after: fc.nat(30_000), key: fc.nat(2), cost: fc.integer({ min: 1, max: 3 }) }), { minLength: 5, maxLength: 30 });
      const rules = fc.record({ conversation: fc.integer({ min: 3, max: 6 }), org: fc.integer({ min: 3, max: 9 }) });
      await fc.assert(
        fc.asyncProperty(events, rules, async (timeline, limits) => {
          const org = newOrg();
          let now = T;
          for (const { after, key, cost } of timeline) {
            now += after;
            const ask: LimitAsk = { org, rules: [conversation(`c${key}`, limits.conversation), orgSend(limits.org)], cost };
            const { allowed, retryAfterMs } = await limiter.check(ask, now);
            if (allowed) continue;
            expect(await limiter.peek(ask, now + retryAfterMs - 1)).toMatchObject({ allowed: false, retryAfterMs: 1 });
            now += retryAfterMs;
            expect(await limiter.check(ask, now)).toMatchObject({ allowed: true });
          }
        }),
        { numRuns: 20, seed: 42 },
      );
    });

    it.each<[string, Partial<LimitAsk>, RegExp]>([
      ['no rules', { rules: [] }, /rules must be 1 to 8 rules/],
      ['a name that cannot be a name', { rules: [{ ...conversation('c'), name: 'a:b' }] }, /name of a rule must be 1 to 40 letters/],
      ['two rules of one name', { rules: [conversation('a'), conversation('b')] }, /different from that of the others/],
      ['no key', { rules: [conversation('')] }, /key of rule conversation must be a text of 1 to 1000/],
      ['a limit of 0', { rules: [conversation('c', 0)] }, /limit of rule conversation must be a whole number from 1 to 10000, not 0/],
      ['a window of half a ms', { rules: [{ ...conversation('c'), windowMs: 0.5 }] }, /windowMs of rule conversation .* not 0.5/],
      ['a cost beyond the limit', { cost: 11 }, /cost \(rule conversation allows no more than its limit\) must be a whole number from 1 to 10, not 11/],
      ['an empty org', { org: '' }, /org must be a text of 1 to 200/],
    ])('refuses %s, and names it', async (_what, wrong, message) => {
      const { limiter } = await open();
      await expect(limiter.check({ org: 'o', rules: [conversation('c')], ...wrong }, T)).rejects.toThrow(message);
      await expect(limiter.check({ org: 'o', rules: [conversation('c')], ...wrong }, T)).rejects.toMatchObject({ code: 'limit_invalid' });
    });
  });

  describe('peek', () => {
    it('says what check would say, and counts nothing', async () => {
      const { limiter } = await open();
      const ask: LimitAsk = { org: newOrg(), rules: [conversation('c', 2)] };
      const peeked = await limiter.peek(ask, T);
      expect(await limiter.peek(ask, T)).toEqual(peeked);
      expect(await limiter.check(ask, T)).toEqual(peeked);
    });
  });

  describe('reserve', () => {
    const pair: PaceRule = { name: 'pair', key: 'user', intervalMs: 6000, burst: 45 };

    it('gives a burst at once, and then a place per interval', async () => {
      const { limiter } = await open();
      const ask = { org: newOrg(), rules: [pair], maxWaitMs: 86_400_000 };
      await times(45, async () => expect(await limiter.reserve(ask, T)).toMatchObject({ reserved: true, waitMs: 0, startAt: T }));
      expect(await limiter.reserve(ask, T)).toMatchObject({ reserved: true, waitMs: 6000, startAt: T + 6000, rule: 'pair' });
      expect(await limiter.reserve(ask, T + 1000)).toMatchObject({ waitMs: 11_000 });
    });

    it('takes nothing when it would be too late, and says when to ask again, to the ms', async () => {
      const { limiter } = await open();
      const ask = { org: newOrg(), rules: [{ ...pair, burst: 1 }], maxWaitMs: 2000 };
      await limiter.reserve(ask, T);
      expect(await limiter.reserve(ask, T)).toMatchObject({ reserved: false, retryAfterMs: 4000 });
      expect(await limiter.reserve(ask, T + 3999)).toMatchObject({ reserved: false, retryAfterMs: 1 });
      expect(await limiter.reserve(ask, T + 4000)).toMatchObject({ reserved: true, waitMs: 2000 });
    });

    it('waits as long as the platform said, without a burst after it', async () => {
      const { limiter } = await open();
      const org = newOrg();
      await limiter.penalize({ org, rule: pair, forMs: 30_000 }, T);
      const ask = { org, rules: [pair], maxWaitMs: 86_400_000 };
      expect(await limiter.reserve(ask, T)).toMatchObject({ waitMs: 30_000 });
      expect(await limiter.reserve(ask, T)).toMatchObject({ waitMs: 36_000 });
    });

    it('waits out 2 s of a clock that goes back, to the ms', async () => {
      const { limiter } = await open();
      for (const [back, waitMs] of [[2000, 8000], [2001, 6000]] as const) {
        const ask = { org: newOrg(), rules: [{ ...pair, burst: 1 }], maxWaitMs: 86_400_000 };
        await limiter.reserve(ask, T);
        expect(await limiter.reserve(ask, T - back)).toMatchObject({ waitMs });
      }
    });

    it('decides like the oracle on random sends, penalties and a clock that goes back', async () => {
      const { limiter, decisions } = await open();
      const oracle = new Oracle();
      const prefix = newOrg();
      let compared = 0;
      for (const { now, ask, penalty } of sends(11)) {
        const org = `${prefix}/${ask.org}`;
        const { source: _, ...decided } = await limiter.reserve({ ...ask, org }, now);
        expect(decided, `reservation ${compared}`).toEqual(oracle.reserve({ ...ask, org }, now));
        if (penalty) {
          await limiter.penalize({ org, ...penalty }, now);
          oracle.penalize({ org, ...penalty }, now);
        }
        if (++compared >= decisions / 10) break;
      }
    });

    it('refuses what cannot be a pace, and names it', async () => {
      const { limiter } = await open();
      await expect(limiter.reserve({ org: 'o', rules: [{ ...pair, burst: 0 }], maxWaitMs: 0 }, T)).rejects.toThrow(/burst of rule pair must be a whole number from 1/);
      await expect(limiter.reserve({ org: 'o', rules: [pair], maxWaitMs: -1 }, T)).rejects.toThrow(/maxWaitMs must be a whole number from 0/);
    });
  });

  describe('seen', () => {
    it('knows what came before within its window, counted from the first', async () => {
      const { limiter } = await open();
      const ask = { org: newOrg(), hash: 'abcdefgh', windowMs: 5000 };
      expect(await limiter.seen(ask, T)).toMatchObject({ isDuplicate: false });
      expect(await limiter.seen(ask, T + 4999)).toMatchObject({ isDuplicate: true });
      expect(await limiter.seen(ask, T + 5000)).toMatchObject({ isDuplicate: false });
      expect(await limiter.seen({ ...ask, org: newOrg() }, T + 5000)).toMatchObject({ isDuplicate: false });
    });

    it('tells one of two that come at once', async () => {
      const { limiter } = await open();
      const ask = { org: newOrg(), hash: 'abcdefgh', windowMs: 5000 };
      const both = await Promise.all([limiter.seen(ask, T), limiter.seen(ask, T)]);
      expect(both.map(({ isDuplicate }) => isDuplicate)).toEqual([false, true]);
    });

    it('is not wedged by a clock that goes back', async () => {
      const { limiter } = await open();
      const ask = { org: newOrg(), hash: 'abcdefgh', windowMs: 5000 };
      await limiter.seen(ask, T);
      expect(await limiter.seen(ask, T - 3_600_000)).toMatchObject({ isDuplicate: true });
      expect(await limiter.seen(ask, T - 3_600_000 + 4999)).toMatchObject({ isDuplicate: true });
      expect(await limiter.seen(ask, T - 3_600_000 + 5000)).toMatchObject({ isDuplicate: false });
    });
  });

  describe('stats', () => {
    it('counts the keys that are active, over all orgs', async () => {
      const { limiter } = await open();
      const before = await limiter.stats();
      const [one, two] = [newOrg(), newOrg()];
      await limiter.check({ org: one, rules: [conversation('c'), orgSend()] });
      await limiter.check({ org: two, rules: [conversation('c'), orgSend()] });
      await limiter.check({ org: two, rules: [conversation('c'), orgSend()] });
      await limiter.seen({ org: one, hash: 'abcdefgh', windowMs: 60_000 });
      const after = await limiter.stats();
      expect(after.isAvailable).toBe(true);
      expect([(after.activeKeys ?? 0) - (before.activeKeys ?? 0), (after.activeMarks ?? 0) - (before.activeMarks ?? 0)]).toEqual([4, 1]);
    });
  });
}
