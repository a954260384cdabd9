import { describe, expect, it } from 'vitest';
import { exhaustive, random, shrink } from './world/chooser.ts';
import type { Chooser, Found, Run, Search } from './world/chooser.ts';
import { mixture } from './world/mixture.ts';
import type { Mutation } from './world/mutants.ts';
import { MORE, SCENARIOS } from './world/scenarios.ts';
import type { Scenario } from './world/scenarios.ts';
import { World } from './world/world.ts';
import type { Config } from './world/config.ts';

/** `MODEL_DEPTH=2 MODEL_SEEDS=200000 npx vitest run test/model`: every pair of faults, and many more runs by chance. */
const DEPTH = Number(process.env['MODEL_DEPTH'] ?? 1);
const SEEDS = Number(process.env['MODEL_SEEDS'] ?? 2_500);
const FIRST_SEED = Number(process.env['MODEL_FIRST_SEED'] ?? 1);
const MAX_RUNS = DEPTH > 1 ? 100_000 : 20_000;
const TIMEOUT_MS = DEPTH > 1 || SEEDS > 4_000 ? 36_000_000 : 60_000;

const runOf = (config: Config): Run => async (chooser: Chooser) => (await new World(config, chooser).run()).violations;

/** What to do to see it: the deviations, and where the trace of a run is. */
async function explained(config: Config, found: Found): Promise<string> {
  const { rule, why, taken } = await shrink(runOf(config), found);
  return `${rule}: ${why}\nafter ${taken.map((each) => each.join(' → ')).join(', ') || 'no fault at all'}`;
}

async function holds(config: Config, search: Search): Promise<void> {
  if (search.found) expect.fail(await explained(config, search.found));
}

async function findsFault({ depth = 1, budget = 5, rate = 0.06, ...config }: Scenario): Promise<boolean> {
  const run = runOf(config);
  if ((await exhaustive(run, depth, 20_000)).found) return true;
  return (await random(run, { seed: 1, count: 6_000, budget, rate })).found !== null;
}

describe(`the lane holds its promise, whatever ${DEPTH === 1 ? 'one thing goes' : `${DEPTH} things go`} wrong`, () => {
  for (const [name, scenario] of [...Object.entries(SCENARIOS), ...Object.entries(MORE)]) {
    it(name, async () => holds(scenario, await exhaustive(runOf(scenario), DEPTH, MAX_RUNS)), TIMEOUT_MS);
  }
});

describe('without this rule it would not: the oracle can tell', () => {
  for (const [mutation, scenario] of Object.entries(SCENARIOS)) {
    it(mutation, async () => expect(await findsFault({ ...scenario, mutation: mutation as Mutation })).toBe(true), TIMEOUT_MS);
  }
});

describe('the lane holds its promise in any mixture of circumstances and faults', () => {
  it(`${SEEDS} seeds from ${FIRST_SEED}`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const config = mixture(seed);
      const rate = [0.01, 0.03, 0.08, 0.2][seed % 4] as number;
      const search = await random(runOf(config), { seed, count: 1, budget: 1 + (seed % 10), rate });
      if (search.found) expect.fail(`seed ${seed}, ${summary(config)}\n${await explained(config, search.found)}`);
    }
  }, TIMEOUT_MS);
});

function summary(config: Config): string {
  return JSON.stringify({ ...config, events: config.events.map((event) => `${event.name}@${event.at}`) });
}
