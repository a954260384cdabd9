import type { Backends } from './backends.ts';
import { medians, shown, table } from './report.ts';
import type { Figures, Verdict } from './report.ts';
import type { StackOptions } from './stacks.ts';
import { measureWaits } from './waits.ts';

export interface FairnessOptions extends StackOptions {
  runs: number;
  /** Of the small org; the other one writes {@link FLOOD} times as much. */
  perSecond: number;
  /** How long a turn takes, ms. */
  serviceMs: number;
  warmMs: number;
  measureMs: number;
}

const FLOOD = 100;
const ALONE = 'alone';
const FLOODED = `beside a flood of ${FLOOD} x`;

export async function measureFairness(options: FairnessOptions, backends: Backends, progress: (text: string) => void): Promise<Map<string, Figures[]>> {
  const runs = new Map([ALONE, FLOODED].map((name): [string, Figures[]] => [name, []]));
  const small = { org: 'small', perSecond: options.perSecond } as const;
  const flood = { org: 'flood', perSecond: options.perSecond * FLOOD } as const;
  for (let run = 1; run <= options.runs; run += 1) {
    for (const [name, all] of runs) {
      const figures = await measureWaits(backends, { ...options, apart: false, flows: name === ALONE ? [small] : [small, flood] });
      all.push(figures);
      progress(`fairness, run ${run}: ${name}: p50 ${shown(figures.commitP50 ?? 0)} ms, p99 ${shown(figures.commitP99 ?? 0)} ms`);
    }
  }
  return runs;
}

export function reportFairness(options: FairnessOptions, runs: Map<string, Figures[]>): string {
  const { perSecond, serviceMs, concurrency } = options;
  const rows = [...runs].map(([name, all]) => {
    const { count, commitP50, commitP99 } = medians(all);
    return [`a small org's messages, ${name}`, ...[count, commitP50, commitP99].map((value) => shown(value ?? Number.NaN))];
  });
  const capacity = (concurrency * 1000) / serviceMs;
  return [
    `A small org writes ${shown(perSecond)} messages a second, each to a conversation of its own; another one ${shown(perSecond * FLOOD)}. A turn takes ${serviceMs} ms, ${concurrency} at once: ${shown(capacity)} a`,
    'second at the most, so the flood is always waiting. Waits from commit to claim.',
    '',
    table(['fairness', 'messages', 'p50 ms', 'p99 ms'], rows),
  ].join('\n');
}

/** The larger of twice its wait alone, and that wait and one service time, as a part of which the wait is told. */
export function judgeFairness({ serviceMs }: FairnessOptions, runs: Map<string, Figures[]>): Verdict[] {
  const [alone, flooded] = [ALONE, FLOODED].map((name) => medians(runs.get(name) ?? []).commitP99 ?? Number.NaN) as [number, number];
  const bound = Math.max(2 * alone, alone + serviceMs);
  return [{ target: `a small org's p99 wait beside a flood, at most ${shown(bound)} ms (alone: ${shown(alone)} ms)`, measured: flooded, atMost: bound, unit: 'ms' }];
}
