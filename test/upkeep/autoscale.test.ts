import { describe, expect, it } from 'vitest';
import type { AutoscaleLimits } from '../../src/domain/autoscale.ts';
import { createMachine } from '../../src/telemetry/index.ts';
import { createAutoscale } from '../../src/upkeep/autoscale.ts';
import { manualClock } from '../support/manual-clock.ts';

function scene(limits: AutoscaleLimits | null) {
  const clock = manualClock();
  const seen = { active: 3, oldestWaitingMs: 5_000, loopUse: 0.1, asked: 0, concurrency: 3, limits };
  const told: { fields: object; text: string }[] = [];
  const gauges: number[] = [];
  const silent = () => {};
  const log = { debug: silent, warn: silent, error: silent, info: (fields: object, text: string) => void told.push({ fields, text }), child: () => log };
  const service = createAutoscale(
    {
      engine: {
        scale: (concurrency) => void (seen.concurrency = concurrency),
        stats: () => ({ mode: 'local', active: Math.min(seen.active, seen.concurrency), concurrency: seen.concurrency, succeeded: 0, failed: 0 }),
      },
      reports: { load: async () => (seen.asked++, { waiting: 9, active: 3, oldestWaitingMs: seen.oldestWaitingMs, serviceMs: 100 }) },
      machine: { loopUse: () => seen.loopUse, memoryUse: () => 0.2 },
      clock,
      telemetry: { log, meter: { count: silent, observe: silent, gauge: (name, _labels, value) => void (name === 'job_concurrency' && gauges.push(value)) } },
    },
    { limits: () => seen.limits },
  );
  async function rounds(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      await service.runOnce(new AbortController().signal);
      await clock.advance(service.intervalMs);
    }
  }
  return { seen, told, gauges, rounds };
}

describe('the autoscaler', () => {
  it('does nothing and asks nothing when it is off, but shows the number', async () => {
    const { seen, told, gauges, rounds } = scene(null);
    await rounds(3);
    expect([seen.concurrency, seen.asked, told, gauges]).toEqual([3, 0, [], [3, 3, 3]]);
  });

  it('moves the engine, shows it, and tells of it at once and then at most every ten seconds', async () => {
    const { seen, told, gauges, rounds } = scene({ min: 3, max: 40, maxWaitMs: 1_000 });
    seen.active = 100;
    await rounds(10);
    expect(seen.concurrency).toBe(40);
    expect(gauges.at(-1)).toBe(40);
    expect(told.map(({ text }) => text)).toEqual(['[RESILIENCE] turns at once: 3 → 6']);
    await rounds(2);
    expect(told.map(({ text }) => text).slice(1)).toEqual(['[RESILIENCE] turns at once: 6 → 40']);
    expect(told[0]?.fields).toMatchObject({ from: 3, to: 6, active: 3, oldestWaitingMs: 5_000, loopUse: 0.1 });
  });

  it('asks the store only when every slot is taken', async () => {
    const { seen, rounds } = scene({ min: 3, max: 40, maxWaitMs: 1_000 });
    seen.active = 2;
    await rounds(5);
    expect([seen.asked, seen.concurrency]).toEqual([0, 3]);
  });

  it('follows limits that change, and stops when it is turned off', async () => {
    const { seen, rounds } = scene({ min: 3, max: 40, maxWaitMs: 1_000 });
    seen.active = 100;
    await rounds(10);
    seen.limits = { min: 3, max: 20, maxWaitMs: 1_000 };
    await rounds(1);
    expect(seen.concurrency).toBe(20);
    seen.limits = null;
    seen.concurrency = 5;
    await rounds(3);
    expect(seen.concurrency).toBe(5);
  });
});

describe('the machine', () => {
  it('tells how busy the loop was and how full the memory is', () => {
    const machine = createMachine();
    machine.loopUse();
    const until = performance.now() + 30;
    while (performance.now() < until);
    expect(machine.loopUse()).toBeGreaterThan(0.5);
    expect(machine.memoryUse()).toBeGreaterThan(0);
    expect(machine.memoryUse()).toBeLessThan(1);
  });
});
