import { describe, expect, it } from 'vitest';
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
      worker: { running: true, mode: 'local', paused: false, active: 2, concurrency: 3, succeeded: 197, failed: 3, successRate: '98.5%' },
    });
  });

  it('invents no cache and no worker', async () => {
    const { operate } = operateOver({ engine: null });
    expect(await operate.stats.chatwoot()).toMatchObject({ cache: null, worker: { running: false }, queue: { paused: false } });
    expect(operate.pause()).toBe(false);
    expect((await operate.stats.resilience()).engine).toEqual({ mode: 'none', paused: false });
  });

  it('says that the queue is paused', async () => {
    const { operate } = operateOver();
    expect(operate.pause()).toBe(true);
    expect((await operate.stats.chatwoot()).queue.paused).toBe(true);
    expect(operate.resume()).toBe(true);
    expect((await operate.stats.chatwoot()).queue.paused).toBe(false);
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
