import type { Cell } from '../cell.ts';
import { limiterOutage } from './limiter-outage.ts';
import { rollingDeploy } from './rolling-deploy.ts';

/** Runs a story of its own, prints what it showed, and says whether the promise held. */
export type Scenario = (options: ScenarioOptions) => Promise<boolean>;

export interface ScenarioOptions extends Cell {
  verbose: boolean;
}

/** By the name that `--scenario` takes. */
export const SCENARIOS = { 'limiter-outage': limiterOutage, 'rolling-deploy': rollingDeploy } satisfies Record<string, Scenario>;
export type ScenarioName = keyof typeof SCENARIOS;
