import { describe, expect, it } from 'vitest';
import type { OrgId } from '../../src/domain/ids.ts';
import { successRate } from '../../src/operate/stats.ts';
import { letter } from './fake-store.ts';
import { fakeEngine, operateOver } from './support.ts';

describe('statistics', () => {
  it('tells queue, cache and worker', async () => {
    const cache = { hitRate: 0.25, hits: 1, misses: 3, entries: 2 };
    const { operate } = operateOver({ more: { cache: () => cache } });
    expect(await operate.stats.chatwoot()).toEqual({
      queue: { waiting: 5, active: 2, delayed: 1, completed: 1000, failed: 10, paused: false, oldestWaitingMs: 250 },
      cache,
      worker: { running: true, mode: 'local', active: 2, concurrency: 3, succeeded: 197, failed: 3, successRate: '98.5%' },
    });
  });

  it('invents no cache and no worker', async () => {
    const { operate } = operateOver({ engine: null });
    expect(await operate.stats.chatwoot()).toMatchObject({ cache: null, worker: { running: false }, queue: { paused: false } });
    expect((await operate.stats.resilience()).engine).toEqual({ mode: 'none', paused: false });
  });

  it('says that everything is paused, whatever this process runs', async () => {
    const { operate } = operateOver({ engine: null });
    await operate.queue.pause({ scope: 'org', orgId: 'org_a' as OrgId });
    expect((await operate.stats.chatwoot()).queue.paused).toBe(false);
    await operate.queue.pause({ scope: 'all' });
    expect((await operate.stats.chatwoot()).queue.paused).toBe(true);
    expect((await operate.stats.resilience()).engine.paused).toBe(true);
    await operate.queue.resume({ scope: 'all' });
    expect((await operate.stats.chatwoot()).queue.paused).toBe(false);
  });

  it("tells the limiter's figures, by who keeps them", async () => {
    const figures = { activeKeys: 45, activeMarks: 30, localKeys: 3, localMarks: 1 };
    const of = async (source: 'redis' | 'postgres' | 'memory', isAvailable: boolean) => {
      const { deps } = operateOver();
      const stats = async () => ({ source, isAvailable, ...figures });
      const governor = { ...deps.governor, limiter: { stats } };
      return (await operateOver({ more: { governor } }).operate.stats.governor()).rateLimiter;
    };
    expect(await of('redis', true)).toMatchObject({
      redisAvailable: true, memoryFallback: { ratesCount: 3, dedupesCount: 1 }, redis: { activeRateLimitKeys: 45, activeDedupeKeys: 30 },
    });
    expect(await of('memory', false)).toMatchObject({ redisAvailable: false, memoryFallback: { ratesCount: 3 }, redis: { activeRateLimitKeys: 0 } });
    expect(await of('postgres', true)).toMatchObject({ redisAvailable: false, redis: { activeRateLimitKeys: 0 } });
  });

  it('adds the dead letters to the admin figures', async () => {
    const { operate } = operateOver({ letters: [letter('cnv_1', 1), letter('cnv_1', 2), letter('cnv_1', 3)], more: { redis: () => true } });
    expect(await operate.stats.admin()).toMatchObject({
      redis: true,
      queue: { waiting: 5, dlq: { available: true, counts: { waiting: 3, total: 3 }, alertThreshold: 2, isAboveThreshold: true } },
    });
  });

  it('gives /health/resilience its queue', async () => {
    const { operate } = operateOver({ engine: fakeEngine({ succeeded: 2, failed: 1 }) });
    expect((await operate.stats.resilience()).queue).toEqual({ pending: 5, active: 2, concurrency: 3, successRate: '66.7%' });
    expect(successRate({ succeeded: 0, failed: 0 })).toBe('100.0%');
    expect(successRate({ succeeded: 0, failed: 4 })).toBe('0.0%');
  });
});
