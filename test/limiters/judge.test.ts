import { describe, expect, it } from 'vitest';
import { judge } from '../../bench/limiter-exact.ts';
import { systemClock } from '../../src/domain/clock.ts';
import type { LimitAsk, LimitDecision } from '../../src/domain/limit.ts';
import { createMemoryLimiter } from '../../src/limiters/memory/index.ts';

/** The judge of `npm run bench -- limiter`, before limiters that are wrong in the ways that limiters are. */
describe('the judge of a million decisions', () => {
  const wrongBy = (change: (ask: LimitAsk) => LimitAsk, after = (decision: LimitDecision): LimitDecision => decision) => {
    const limiter = createMemoryLimiter({ clock: systemClock });
    return { check: async (ask: LimitAsk, now?: number) => after(await limiter.check(change(ask), now)), peek: async (ask: LimitAsk, now?: number) => after(await limiter.peek(change(ask), now)) };
  };
  const longer = ({ rules, ...ask }: LimitAsk): LimitAsk => ({ ...ask, rules: rules.map((rule) => ({ ...rule, windowMs: rule.windowMs + 1 })) });
  const firstOnly = ({ rules, ...ask }: LimitAsk): LimitAsk => ({ ...ask, rules: rules.slice(0, 1) });

  it('finds nothing wrong with a right one', async () => {
    const judged = await judge(wrongBy((ask) => ask), 20_000, 3);
    expect(judged).toMatchObject({ wrong: 0, wrongRetries: 0 });
    expect(judged.retries).toBeGreaterThan(100);
  });

  it.each([
    ['a window that is 1 ms too long', wrongBy(longer)],
    ['rules that are left out', wrongBy(firstOnly)],
    ['a retry that is told 1 ms late', wrongBy((ask) => ask, (decision) => ({ ...decision, retryAfterMs: decision.retryAfterMs + Number(!decision.allowed) }))],
  ])('finds %s', async (_what, limiter) => {
    expect((await judge(limiter, 3000, 3)).wrong).toBeGreaterThan(0);
  });
});
