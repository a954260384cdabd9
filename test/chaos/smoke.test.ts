import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENGINES, STORES, nameOf } from './cell.ts';
import type { Cell } from './cell.ts';
import { CompileCache } from './compiled.ts';
import { drawPlan } from './draw-plan.ts';
import { hasServers, openGrounds } from './grounds.ts';
import { plantedPlan } from './planted-plans.ts';
import { runSchedule } from './schedule.ts';

/** The whole run is `npm run chaos`; this shows that the harness works in each cell and that the commonest schedules pass. */
const SMOKE_MS = 120_000;

/** One for each cell, which between them have most kinds of faults. */
const SEEDS: Record<Cell['store'], Record<Cell['engine'], number>> = { sqlite: { local: 12, bullmq: 25 }, postgres: { local: 25, bullmq: 30 } };

let compiled: CompileCache;
beforeAll(() => void (compiled = new CompileCache()));
afterAll(() => compiled[Symbol.dispose]());

const cells = STORES.flatMap((store) => ENGINES.map((engine): Cell => ({ store, engine }))).map((cell) => ({ cell, name: nameOf(cell) }));

describe.concurrent.each(cells)('chaos on $name', ({ cell }) => {
  const seed = SEEDS[cell.store][cell.engine];

  it.skipIf(!hasServers(cell))(`keeps the promise under the schedule of seed ${seed}`, { timeout: SMOKE_MS }, async () => {
    const grounds = await openGrounds(cell);
    try {
      const { violations, sent, answered, log } = await runSchedule(drawPlan(seed, cell), grounds);
      expect(violations, log).toEqual([]);
      expect(sent).toBeGreaterThan(0);
      expect(answered).toBeGreaterThan(0);
    } finally {
      await grounds.close();
    }
  });
});

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
