import { VIOLATIONS } from './oracle.ts';
import type { Outcome } from './schedule.ts';

const sum = (numbers: number[]): number => numbers.reduce((total, each) => total + each, 0);

function merged(outcomes: Outcome[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const { faults } of outcomes) for (const [kind, count] of Object.entries(faults)) all[kind] = (all[kind] ?? 0) + count;
  return all;
}

const isKill = (kind: string): boolean => kind.startsWith('kill ') || kind.startsWith('deploy ');
const isOfProcess = (kind: string): boolean => !/^(rest|webhook|model) /.test(kind);

/** `kill plan:before` counts as `kill`, `rest hang` as itself. */
function byKind(faults: Record<string, number>): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const [name, count] of Object.entries(faults)) {
    const kind = isOfProcess(name) ? (name.split(' ')[0] ?? name) : name;
    kinds[kind] = (kinds[kind] ?? 0) + count;
  }
  return kinds;
}

const listed = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ') || 'none';

function times(recoveries: number[]): string {
  if (recoveries.length === 0) return 'nothing to recover from';
  const sorted = recoveries.toSorted((a, b) => a - b);
  return `median ${sorted[Math.floor(sorted.length / 2)]} ms, max ${sorted.at(-1)} ms (${sorted.length} times, from the end of a disturbance to the next answer where one was owed)`;
}

/** What a run showed, as lines. */
export function summaryOf(outcomes: Outcome[], run: { firstSeed: number; ms: number }): string {
  const faults = merged(outcomes);
  const kills = Object.fromEntries(Object.entries(faults).filter(([kind]) => isKill(kind)));
  const found = outcomes.flatMap(({ violations }) => violations);
  const row = (name: string, value: string | number): string => `${name.padEnd(24)} ${value}`;
  return [
    row('schedules', `${outcomes.length} (seeds ${run.firstSeed} to ${run.firstSeed + outcomes.length - 1})`),
    row('messages sent', sum(outcomes.map(({ sent }) => sent))),
    row('acknowledged', sum(outcomes.map(({ acknowledged }) => acknowledged))),
    row('texts answered', sum(outcomes.map(({ answered }) => answered))),
    row('faults', `${sum(Object.values(faults))}: ${listed(byKind(faults))}`),
    row('process ends by point', listed(kills)),
    ...VIOLATIONS.map((kind) => row(kind, found.filter((each) => each.kind === kind).length)),
    row('time to recover', times(outcomes.flatMap(({ recoveries }) => recoveries))),
    row('duration', `${(run.ms / 1000).toFixed(1)} s`),
  ].join('\n');
}
