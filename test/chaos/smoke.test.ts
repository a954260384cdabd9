import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENGINES, STORES, nameOf } from './cell.ts';
import type { Cell } from './cell.ts';
import { CompileCache } from './compiled.ts';
import { drawPlan } from './draw-plan.ts';
import { hasServers, openGrounds } from './grounds.ts';
import type { Grounds } from './grounds.ts';
import type { Plan } from './plan.ts';
import { plantedPlan } from './planted-plans.ts';
import { runSchedule } from './schedule.ts';

/** The whole run is `npm run chaos`; this shows that the harness works in each cell and that the commonest schedules pass. */
const SMOKE_MS = 60_000;

/** Short ones, which between them have most kinds of faults of their cell. */
const SEEDS: Record<Cell['store'], Record<Cell['engine'], number[]>> = {
  sqlite: { local: [7, 12], bullmq: [2] },
  postgres: { local: [3, 6], bullmq: [4] },
};

let compiled: CompileCache;
beforeAll(() => void (compiled = new CompileCache()));
afterAll(() => compiled[Symbol.dispose]());

const cells = STORES.flatMap((store) => ENGINES.map((engine): Cell => ({ store, engine }))).map((cell) => ({ cell, name: nameOf(cell) }));

describe.concurrent.each(cells)('chaos on $name', ({ cell }) => {
  const seeds = SEEDS[cell.store][cell.engine];

  it.skipIf(!hasServers(cell))(`keeps the promise under the schedules of seeds ${seeds.join(', ')}`, { timeout: SMOKE_MS }, async () => {
    const grounds = await openGrounds(cell);
    try {
      for (const seed of seeds) await keepsThePromise(drawPlan(seed, cell), grounds);
    } finally {
      await grounds.close();
    }
  });
});

async function keepsThePromise(plan: Plan, grounds: Grounds): Promise<void> {
  const { violations, sent, answered, log } = await runSchedule(plan, grounds);
  expect(violations, log).toEqual([]);
  expect(sent).toBeGreaterThan(0);
  expect(answered).toBeGreaterThan(0);
}

describe('chaos', () => {
  it.concurrent('sees a process that acknowledges before it commits', { timeout: SMOKE_MS }, async () => {
    const plan = plantedPlan('ack-before-commit', 1);
    const { violations } = await runSchedule(plan, await openGrounds(plan.cell));
    expect(violations.map(({ kind }) => kind)).toContain('lost');
  });

  it('makes the same plan from the same seed', () => {
    const cell: Cell = { store: 'postgres', engine: 'bullmq' };
    expect(drawPlan(42, cell)).toEqual(drawPlan(42, cell));
    expect(drawPlan(42, cell)).not.toEqual(drawPlan(43, cell));
  });
});
