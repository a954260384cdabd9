/** `npm run chaos -- --schedules 200 --seed 1` and `npm run chaos -- --planted`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { drawPlan } from './draw-plan.ts';
import type { Plan } from './plan.ts';
import { PLANTED_BUGS } from './planted.ts';
import type { PlantedBug } from './planted.ts';
import { plantedPlan } from './planted-plans.ts';
import { runSchedule } from './schedule.ts';
import type { Outcome } from './schedule.ts';
import { summaryOf } from './summary.ts';

interface Flags {
  schedules: number;
  seed: number;
  parallel: number;
  planted?: true | PlantedBug;
  verbose: boolean;
}

/** A planted bug must be caught within so many schedules made for it. */
const PLANTED_TRIES = 10;

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number from 1');
  return value;
}

function bug(text: string): PlantedBug {
  const found = PLANTED_BUGS.find((each) => each === text);
  if (!found) throw new InvalidArgumentError(`known: ${PLANTED_BUGS.join(', ')}`);
  return found;
}

const program = new Command('chaos')
  .description('Runs real processes under seeded faults, and judges them by what the simulated platform saw. Exit code 0: nothing lost, doubled, reordered.')
  .option('--schedules <number>', 'how many; schedule i has the seed + i', whole, 200)
  .option('--seed <number>', 'of the first schedule; with --schedules 1 it replays one', whole, 1)
  .option('--parallel <number>', 'schedules at the same time', whole, 5)
  .option('--planted [bug]', 'instead: shows that planted bugs (or this one) are caught', bug)
  .option('--verbose', 'print every schedule', false);

function report(outcome: Outcome, { verbose }: Flags): void {
  const { plan, violations, ms, log } = outcome;
  if (violations.length === 0) {
    if (verbose) console.log(`seed ${plan.seed}: fine, ${outcome.sent} messages, ${ms} ms`);
    return;
  }
  console.log(`\nseed ${plan.seed}: ${violations.length} violations\n${violations.map(({ kind, detail }) => `  ${kind}: ${detail}`).join('\n')}`);
  console.log(`  plan: ${JSON.stringify(plan)}\n  replay: npm run chaos -- --seed ${plan.seed} --schedules 1`);
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

async function chaos(flags: Flags): Promise<boolean> {
  const startedAt = Date.now();
  const outcomes = await inParallel(flags.parallel, flags.schedules, async (index) => {
    const outcome = await runSchedule(drawPlan(flags.seed + index));
    report(outcome, flags);
    return outcome;
  });
  console.log(`\n${summaryOf(outcomes, { firstSeed: flags.seed, ms: Date.now() - startedAt })}`);
  const failed = outcomes.filter(({ violations }) => violations.length > 0).map(({ plan }) => plan.seed);
  console.log(failed.length === 0 ? '\nThe promise held in every schedule.' : `\nBroken in seeds ${failed.join(', ')}.`);
  return failed.length === 0;
}

/** The bug must be caught, and the same schedule without it must pass: else it is the schedule that is caught. */
async function catches(name: PlantedBug, flags: Flags): Promise<boolean> {
  for (let tries = 1; tries <= PLANTED_TRIES; tries++) {
    const plan: Plan = plantedPlan(name, flags.seed + tries - 1);
    const { violations } = await runSchedule(plan);
    const [first] = violations;
    if (!first) continue;
    const control = await runSchedule({ ...plan, planted: null });
    const isFine = control.violations.length === 0;
    console.log(`${name.padEnd(20)} caught by seed ${plan.seed} (${tries} of ${PLANTED_TRIES}): ${first.kind}: ${first.detail}`);
    if (!isFine) report(control, flags);
    console.log(`${''.padEnd(20)} ${isFine ? 'without the bug the same schedule passes' : 'FAILED: the same schedule fails without the bug, too'}`);
    return isFine;
  }
  console.log(`${name.padEnd(20)} NOT CAUGHT in ${PLANTED_TRIES} schedules`);
  return false;
}

async function planted(flags: Flags): Promise<boolean> {
  const bugs = typeof flags.planted === 'string' ? [flags.planted] : PLANTED_BUGS;
  const caught = await inParallel(Math.min(flags.parallel, 3), bugs.length, (index) => catches(bugs[index] as PlantedBug, flags));
  console.log(`\n${caught.filter(Boolean).length} of ${bugs.length} planted bugs caught.`);
  return caught.every(Boolean);
}

const flags = program.parse().opts<Flags>();
// Lives start faster when what the first one compiled is kept for the others.
const compiled = mkdtempSync(join(tmpdir(), 'chasqui-chaos-compiled-'));
process.env.NODE_COMPILE_CACHE = compiled;
try {
  process.exitCode = (await (flags.planted ? planted(flags) : chaos(flags))) ? 0 : 1;
} finally {
  rmSync(compiled, { recursive: true, force: true });
}
