import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

  it('keeps nothing of orgs that are gone, without being asked for stats', async () => {
    const clock = manualClock();
    const heapMb = (): number => {
      (globalThis.gc as () => void)();
      return process.memoryUsage().heapUsed / 1e6;
    };
    setFlagsFromString('--expose-gc');
    globalThis.gc = runInNewContext('gc') as typeof globalThis.gc;
    const limiter = createMemoryLimiter({ clock, maxKeys: 1000 });
    await limiter.check({ org: 'first', rules: [rule('k')] });
    const before = heapMb();
    for (let n = 0; n < 100_000; n++) await limiter.check({ org: `o${n}`, rules: [rule('k')] });
    expect(heapMb() - before).toBeLessThan(10);
    expect(await limiter.check({ org: 'o99999', rules: [rule('k')] })).toMatchObject({ count: 2 });
  });
});
