import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { createMemoryLimiter } from '../../src/limiters/memory/index.ts';
import { limiterSuite } from '../conformance/limiter.suite.ts';
import { manualClock } from '../support/manual-clock.ts';

const rule = (key: string) => ({ name: 'conversation', key, limit: 2, windowMs: 1000 });

describe('the limiter in memory', () => {
  limiterSuite(() => ({ limiter: createMemoryLimiter({ clock: systemClock }), decisions: 200_000 }));

  it('forgets keys that are of no more use as new ones come, without a timer', async () => {
    const clock = manualClock();
    const limiter = createMemoryLimiter({ clock, maxKeys: 50_000 });
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < 1000; n++) await limiter.check({ org: 'o', rules: [rule(`${round}-${n}`)] });
      await clock.advance(1000);
    }
    expect(await limiter.stats()).toMatchObject({ activeKeys: 0, localKeys: 0 });
  });

  it('keeps no more keys than it may, by letting go of old ones', async () => {
    const limiter = createMemoryLimiter({ clock: manualClock(), maxKeys: 100 });
    for (let n = 0; n < 1000; n++) await limiter.check({ org: 'o', rules: [rule(`k${n}`)] });
    expect(await limiter.stats()).toMatchObject({ activeKeys: 100 });
    await limiter.check({ org: 'o', rules: [rule('k999')] });
    expect(await limiter.check({ org: 'o', rules: [rule('k999')] })).toMatchObject({ allowed: false });
  });
});
