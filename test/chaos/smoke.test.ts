import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawPlan } from './draw-plan.ts';
import { plantedPlan } from './planted-plans.ts';
import { runSchedule } from './schedule.ts';

/** The whole run is `npm run chaos`; this shows that the harness works and that the commonest schedules pass. */
const SMOKE_MS = 60_000;

let compiled = '';
beforeAll(() => {
  compiled = mkdtempSync(join(tmpdir(), 'chasqui-chaos-compiled-'));
  process.env.NODE_COMPILE_CACHE = compiled;
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

describe('chaos', () => {
  it.concurrent.each([7, 12, 15])('keeps the promise under the schedule of seed %i', { timeout: SMOKE_MS }, async (seed) => {
    const { violations, sent, answered, log } = await runSchedule(drawPlan(seed));
    expect(violations, log).toEqual([]);
    expect(sent).toBeGreaterThan(0);
    expect(answered).toBeGreaterThan(0);
  });

  it.concurrent('sees a process that acknowledges before it commits', { timeout: SMOKE_MS }, async () => {
    const { violations } = await runSchedule(plantedPlan('ack-before-commit', 1));
    expect(violations.map(({ kind }) => kind)).toContain('lost');
  });

  it('makes the same plan from the same seed', () => {
    expect(drawPlan(42)).toEqual(drawPlan(42));
    expect(drawPlan(42)).not.toEqual(drawPlan(43));
  });
});
