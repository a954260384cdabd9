import { nameOf } from './cell.ts';
import type { Cell } from './cell.ts';
import { DISTURBANCES } from './happenings.ts';
import type { DisturbanceKind } from './happenings.ts';
import { VIOLATIONS } from './oracle.ts';
import type { Outcome } from './outcome.ts';
import { row, times } from './report.ts';
import { scalingOf } from './scale.ts';

const sum = (numbers: number[]): number => numbers.reduce((total, each) => total + each, 0);

function merged(outcomes: Outcome[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const { faults } of outcomes) for (const [kind, count] of Object.entries(faults)) all[kind] = (all[kind] ?? 0) + count;
  return all;
}

const isKill = (kind: string): boolean => kind.startsWith('kill ') || kind.startsWith('deploy ');
const isOfProcess = (kind: string): boolean => !/^(rest|webhook|model|half_open) /.test(kind);

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

/** What is promised of a recovery, ms from the disturbance's end to the next answer. */
const GOALS: Partial<Record<DisturbanceKind, number>> = { kill: 5000, 'postgres half-open': 3000, 'redis half-open': 3000 };

function recoveryRows(outcomes: Outcome[]): string[] {
  const all = outcomes.flatMap(({ plan, recoveries }) => recoveries.map((recovery) => ({ ...recovery, seed: plan.seed })));
  return DISTURBANCES.flatMap((kind) => {
    const own = all.filter((each) => each.kind === kind);
    if (own.length === 0) return [];
    const timesOf = (measure: 'progress' | 'all'): string => times(own.flatMap(({ seed, [measure]: ms }) => (ms === null ? [] : [{ ms, seed }])));
    const goal = GOALS[kind];
    return [row(`  ${kind}`, `next answer ${timesOf('progress')}${goal ? `, goal ${goal} ms` : ''}; all that waited ${timesOf('all')}`)];
  });
}

/** What a run showed, as lines. */
export function summaryOf(outcomes: Outcome[], run: { cell: Cell; firstSeed: number; ms: number }): string {
  const faults = merged(outcomes);
  const kills = Object.fromEntries(Object.entries(faults).filter(([kind]) => isKill(kind)));
  const found = outcomes.flatMap(({ violations }) => violations);
  const total = (pick: (outcome: Outcome) => number): number => sum(outcomes.map(pick));
  return [
    row('cell', nameOf(run.cell)),
    row('schedules', `${outcomes.length} (seeds ${run.firstSeed} to ${run.firstSeed + outcomes.length - 1})`),
    row('processes', `${total(({ plan }) => plan.members.length)} at once over all schedules, ${total(({ processes }) => processes)} started`),
    row('messages sent', total(({ sent }) => sent)),
    row('acknowledged', total(({ acknowledged }) => acknowledged)),
    row('texts answered', total(({ answered }) => answered)),
    row('faults', `${sum(Object.values(faults))}: ${listed(byKind(faults))}`),
    row('process ends by point', listed(kills)),
    row('wake-ups rescued', total(({ rescued }) => rescued)),
    ...VIOLATIONS.map((kind) => row(kind, found.filter((each) => each.kind === kind).length)),
    row('time to recover', `with ${scalingOf(run.cell)}`),
    ...recoveryRows(outcomes),
    row('  after the last one', `all that had been said ${times(outcomes.flatMap(({ plan, drained: ms }) => (ms === null ? [] : [{ ms, seed: plan.seed }])))}`),
    row('longest standstill', `${Math.max(...outcomes.map(({ stillMs }) => stillMs))} ms in which the runner itself got no time`),
    row('duration', `${(run.ms / 1000).toFixed(1)} s`),
  ].join('\n');
}
