import type { Backends } from './backends.ts';
import { medians, shown, table } from './report.ts';
import type { Figures, Verdict } from './report.ts';
import type { StackOptions } from './stacks.ts';
import { measureWaits } from './waits.ts';

export interface LatencyOptions extends StackOptions {
  runs: number;
  perSecond: number;
  warmMs: number;
  measureMs: number;
}

const ONE = 'one process (role all)';
const APART = 'two processes (api, worker)';
const placesOf = ({ store }: LatencyOptions): string[] => (store === 'postgres' ? [ONE, APART] : [ONE]);

export async function measureLatency(options: LatencyOptions, backends: Backends, progress: (text: string) => void): Promise<Map<string, Figures[]>> {
  const runs = new Map(placesOf(options).map((place): [string, Figures[]] => [place, []]));
  for (let run = 1; run <= options.runs; run += 1) {
    for (const [place, all] of runs) {
      const figures = await measureWaits(backends, { ...options, apart: place === APART, serviceMs: 0, flows: [{ org: 'small', perSecond: options.perSecond }] });
      all.push(figures);
      progress(`latency, run ${run}: ${place}: p50 ${shown(figures.commitP50 ?? 0)} ms, p99 ${shown(figures.commitP99 ?? 0)} ms`);
    }
  }
  return runs;
}

export function reportLatency(options: LatencyOptions, runs: Map<string, Figures[]>): string {
  const rows = [...runs].flatMap(([place, all]) => {
    const f = medians(all);
    const row = (name: string, from: string): string[] => [`${name}, ${place}`, shown(f[`${from}P50`] ?? Number.NaN), shown(f[`${from}P99`] ?? Number.NaN)];
    return [row('commit known to claim', 'commit'), row('append called to claim, its commit included', 'call')];
  });
  return [
    `Messages one by one at ${shown(options.perSecond)}/s, each to a conversation of its own, debounce 0: from the moment its commit is known in the process that took it in, until a`,
    "worker has the lane. A claim may also be known before that commit's answer is: the wait counts as less than nothing then.",
    '',
    table(['latency', 'p50 ms', 'p99 ms'], rows),
  ].join('\n');
}

export function judgeLatency(_options: LatencyOptions, runs: Map<string, Figures[]>): Verdict[] {
  return [...runs].flatMap(([place, all]) => {
    const { commitP50 = Number.NaN, commitP99 = Number.NaN } = medians(all);
    return [
      { target: `commit to claim, median, ${place}, at most 1.5 ms`, measured: commitP50, atMost: 1.5, unit: 'ms' },
      { target: `commit to claim, p99, ${place}, at most 5 ms`, measured: commitP99, atMost: 5, unit: 'ms' },
    ];
  });
}
