/** `npm run chaos -- --schedules 200 --seed 1` and `npm run chaos -- --planted`. */
import { Command, InvalidArgumentError } from 'commander';
import { ENGINES, STORES, nameOf } from './cell.ts';
import type { Cell } from './cell.ts';
import { CompileCache } from './compiled.ts';
import { drawPlan } from './draw-plan.ts';
import { openGrounds } from './grounds.ts';
import type { Grounds } from './grounds.ts';
import type { Outcome } from './outcome.ts';
import type { Plan } from './plan.ts';
import { PLANTED_BUGS } from './planted.ts';
import type { PlantedBug } from './planted.ts';
import { plantedPlan } from './planted-plans.ts';
import { SCENARIOS } from './scenarios/index.ts';
import type { ScenarioName } from './scenarios/index.ts';
import { runSchedule } from './schedule.ts';
import { summaryOf } from './summary.ts';

interface Flags extends Cell {
  schedules: number;
  seed: number;
  parallel?: number;
  planted?: true | PlantedBug;
  scenario?: ScenarioName;
  verbose: boolean;
}

/** A planted bug must be caught within so many schedules made for it. */
const PLANTED_TRIES = 10;

/** Worth a word beside what went wrong. */
const STILL_MS = 500;

/** Schedules at the same time: one process each, or several and their servers. */
const PARALLEL: Record<Cell['store'], number> = { sqlite: 5, postgres: 2 };

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number from 1');
  return value;
}

function oneOf<T extends string>(known: readonly T[]): (text: string) => T {
  return (text) => {
    const found = known.find((each) => each === text);
    if (found === undefined) throw new InvalidArgumentError(`known: ${known.join(', ')}`);
    return found;
  };
}

const program = new Command('chaos')
  .description('Runs real processes under seeded faults, and judges them by what the simulated platform saw. Exit code 0: nothing lost, doubled, reordered.')
  .option('--store <store>', `where messages are kept: ${STORES.join(' (one process), ')} (several)`, oneOf(STORES), 'sqlite')
  .option('--engine <engine>', `what wakes workers: ${ENGINES.join(', ')} (on Redis)`, oneOf(ENGINES), 'local')
  .option('--schedules <number>', 'how many; schedule i has the seed + i', whole, 200)
  .option('--seed <number>', 'of the first schedule; with --schedules 1 it replays one', whole, 1)
  .option('--parallel <number>', 'schedules at the same time (default: 5 on sqlite, 2 on postgres)', whole)
  .option('--planted [bug]', 'instead: shows that planted bugs (or this one) are caught, each in its own cell', oneOf(PLANTED_BUGS))
  .option('--scenario <name>', `instead: ${Object.keys(SCENARIOS).join(', ')}`, oneOf(Object.keys(SCENARIOS) as ScenarioName[]))
  .option('--verbose', 'print every schedule', false);

function report(outcome: Outcome, { verbose }: Flags): void {
  const { plan, violations, ms, log } = outcome;
  if (violations.length === 0) {
    if (verbose) console.log(`seed ${plan.seed}: fine, ${outcome.sent} messages, ${ms} ms; ${outcome.recoveries.map(({ kind, progress, all }) => `${kind} ${progress}/${all}`).join(', ')}`);
    return;
  }
  console.log(`\nseed ${plan.seed}: ${violations.length} violations\n${violations.map(({ kind, detail }) => `  ${kind}: ${detail}`).join('\n')}`);
  if (outcome.stillMs > STILL_MS) console.log(`  the machine was too busy: the runner itself got no time for ${outcome.stillMs} ms`);
  const { store, engine } = plan.cell;
  console.log(`  plan: ${JSON.stringify(plan)}\n  replay: npm run chaos -- --store ${store} --engine ${engine} --seed ${plan.seed} --schedules 1`);
  if (verbose) console.log(log);
}

async function inParallel<T>(count: number, total: number, run: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total) {
      const index = next++;
      results[index] = await run(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, total) }, worker));
  return results;
}

/** As {@link inParallel}, each of those at the same time on servers of its own. */
async function onGrounds<T>(cell: Cell, size: { count: number; total: number }, run: (index: number, grounds: Grounds) => Promise<T>): Promise<T[]> {
  const { count, total } = size;
  const all = await Promise.all(Array.from({ length: Math.min(count, total) }, () => openGrounds(cell)));
  const free = [...all];
  try {
    return await inParallel(count, total, async (index) => {
      const grounds = free.pop() as Grounds;
      const result = await run(index, grounds);
      free.push(grounds);
      return result;
    });
  } finally {
    await Promise.all(all.map((grounds) => grounds.close()));
  }
}

async function chaos(flags: Flags): Promise<boolean> {
  const startedAt = Date.now();
  const { store, engine, seed, schedules: total } = flags;
  const cell: Cell = { store, engine };
  const count = flags.parallel ?? PARALLEL[store];
  const outcomes = await onGrounds(cell, { count, total }, async (index, grounds) => {
    const outcome = await runSchedule(drawPlan(seed + index, cell), grounds);
    report(outcome, flags);
    return outcome;
  });
  console.log(`\n${summaryOf(outcomes, { cell, firstSeed: seed, ms: Date.now() - startedAt })}`);
  const failed = outcomes.filter(({ violations }) => violations.length > 0).map(({ plan }) => plan.seed);
  console.log(failed.length === 0 ? '\nThe promise held in every schedule.' : `\nBroken in seeds ${failed.join(', ')}.`);
  return failed.length === 0;
}

/** The bug must be caught, and the same schedule without it must pass: else it is the schedule that is caught. */
async function catches(name: PlantedBug, flags: Flags): Promise<boolean> {
  const { cell } = plantedPlan(name, flags.seed);
  const grounds = await openGrounds(cell);
  try {
    for (let tries = 1; tries <= PLANTED_TRIES; tries++) {
      const plan: Plan = plantedPlan(name, flags.seed + tries - 1);
      const { violations } = await runSchedule(plan, grounds);
      const [first] = violations;
      if (!first) continue;
      console.log(`${name.padEnd(20)} ${nameOf(cell)}: caught by seed ${plan.seed} (${tries} of ${PLANTED_TRIES}): ${first.kind}: ${first.detail}`);
      return await isFineWithout(plan, grounds, flags);
    }
    console.log(`${name.padEnd(20)} NOT CAUGHT in ${PLANTED_TRIES} schedules`);
    return false;
  } finally {
    await grounds.close();
  }
}

async function isFineWithout(plan: Plan, grounds: Grounds, flags: Flags): Promise<boolean> {
  const control = await runSchedule({ ...plan, planted: null }, grounds);
  const isFine = control.violations.length === 0;
  if (!isFine) report(control, flags);
  console.log(`${''.padEnd(20)} ${isFine ? 'without the bug the same schedule passes' : 'FAILED: the same schedule fails without the bug, too'}`);
  return isFine;
}

async function planted(flags: Flags): Promise<boolean> {
  const bugs = typeof flags.planted === 'string' ? [flags.planted] : PLANTED_BUGS;
  const caught = await inParallel(Math.min(flags.parallel ?? 2, 3), bugs.length, (index) => catches(bugs[index] as PlantedBug, flags));
  console.log(`\n${caught.filter(Boolean).length} of ${bugs.length} planted bugs caught.`);
  return caught.every(Boolean);
}

function run(flags: Flags): Promise<boolean> {
  if (flags.scenario) return SCENARIOS[flags.scenario](flags);
  return flags.planted ? planted(flags) : chaos(flags);
}

const flags = program.parse().opts<Flags>();
using _compiled = new CompileCache();
process.exitCode = (await run(flags)) ? 0 : 1;
