import { describe, expect, it } from 'vitest';
import { simulate, type Controller, type Overflow, type SimResult } from '../../bench/provider-sim.ts';
import { AdaptiveLimit } from '../../src/domain/adaptive-limit.ts';
import { RetryBudget } from '../../src/domain/retry-budget.ts';
import { Slowness } from '../../src/domain/slowness.ts';
import { createRandom } from '../conformance/scene.ts';

/** The limit alone, for callers that come at once when there is a place. */
function adaptive(): Controller {
  const limit = new AdaptiveLimit({ min: 1, max: 1_000, initial: 10 });
  let inFlight = 0;
  return {
    async enter(startedAt) {
      if (inFlight >= limit.limit) return { waitMs: 50 };
      const at = (inFlight += 1);
      return {
        leave(how, endedAt) {
          inFlight -= 1;
          limit.over({ startedAt, endedAt, inFlight: at, how });
        },
      };
    },
  };
}

function run(overflow: Overflow, calls: number[], seed: number): Promise<SimResult> {
  const capacity = calls.map((one, i) => ({ from: i * 120_000, calls: one }));
  return simulate({ capacity, overflow, endMs: calls.length * 120_000, callers: 120, timeoutMs: 30_000, random: createRandom(seed) }, adaptive);
}

describe('a provider whose capacity drops and comes back', () => {
  it.each([11, 12, 13])('that refuses what is too much: at least 90 %% of what it could answer, at most 6 %% refused (seed %i)', async (seed) => {
    const { answered, ideal, calls, limited } = await run('refuses', [40, 10, 40], seed);
    expect(answered / ideal).toBeGreaterThanOrEqual(0.9);
    expect(limited / calls).toBeLessThanOrEqual(0.06);
  });

  it.each([11, 12, 13])('that lets it queue: at least 90 %%, and nobody waits in vain (seed %i)', async (seed) => {
    const { answered, ideal, late, p95Ms } = await run('queues', [40, 10, 40], seed);
    expect(answered / ideal).toBeGreaterThanOrEqual(0.9);
    expect(late).toBe(0);
    expect(p95Ms).toBeLessThan(8_000);
  });

  it('whatever the sizes', async () => {
    for (const calls of [[100, 20, 60], [8, 2, 8], [3, 1, 3]]) {
      const { answered, ideal, calls: made, limited } = await run('refuses', calls, 14);
      expect(answered / ideal).toBeGreaterThanOrEqual(0.85);
      expect(limited / made).toBeLessThanOrEqual(0.12);
    }
  });
});

describe('the limit', () => {
  const limit = () => new AdaptiveLimit({ min: 1, max: 20, initial: 10 });
  const ok = (at: number, inFlight: number) => ({ startedAt: at - 100, endedAt: at, inFlight, how: { kind: 'ok', units: 0 } as const });

  it('stays within its bounds', () => {
    const one = limit();
    for (let i = 0; i < 500; i++) one.over(ok(i * 10 + 100, one.limit));
    expect(one.limit).toBe(20);
    for (let i = 0; i < 50; i++) one.over({ startedAt: 10_000 + i * 100, endedAt: 10_000 + i * 100, inFlight: one.limit, how: { kind: 'limited' } });
    expect(one.limit).toBe(1);
  });

  it('does not grow while it is not used', () => {
    const one = limit();
    for (let i = 0; i < 500; i++) one.over(ok(i * 10 + 100, 2));
    expect(one.limit).toBe(10);
  });

  it('counts refusals of one moment once', () => {
    const one = limit();
    for (let i = 0; i < 10; i++) one.over({ startedAt: 0, endedAt: 20 + i, inFlight: 10, how: { kind: 'limited' } });
    expect(one.limit).toBe(9);
  });
});

describe('slowness', () => {
  const feed = (slowness: Slowness, n: number, factor: number, from = 0) => {
    const random = createRandom(4);
    let last = 1;
    for (let i = 0; i < n; i++) {
      const units = Math.round(20 + 400 * random());
      last = slowness.seen({ units, latencyMs: (400 + 15 * units) * factor * (0.95 + 0.1 * random()), now: from + i * 100 });
    }
    return last;
  };

  it('a long answer is not a slow one', () => {
    expect(feed(new Slowness(), 500, 1)).toBeLessThan(1.12);
  });

  it('twice the time for the same is twice as slow', () => {
    const slowness = new Slowness();
    feed(slowness, 300, 1);
    expect(feed(slowness, 100, 2, 30_000)).toBeGreaterThan(1.8);
  });

  it('what was quick long ago is forgotten', () => {
    const slowness = new Slowness();
    feed(slowness, 100, 1);
    for (const from of [400_000, 800_000]) feed(slowness, 100, 2, from);
    expect(feed(slowness, 100, 2, 1_200_000)).toBeLessThan(1.15);
  });
});

describe('a retry budget', () => {
  it('pays for about one retry in seven tries, and a few at the start', () => {
    const budget = new RetryBudget(0);
    let retries = 0;
    for (let i = 0; i < 700; i++) {
      budget.tried(i);
      while (budget.waitMs(i) === 0) {
        budget.spend();
        retries += 1;
      }
    }
    expect(retries).toBeGreaterThan(100);
    expect(retries).toBeLessThanOrEqual(700 * 0.2);
  });

  it('is never empty for good: it says when there will be one', () => {
    const budget = new RetryBudget(0);
    while (budget.waitMs(0) === 0) budget.spend();
    const wait = budget.waitMs(0);
    expect(wait).toBeGreaterThan(0);
    expect(budget.waitMs(wait)).toBe(0);
  });
});
