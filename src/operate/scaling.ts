import { desiredWorkers } from '../domain/desired-workers.ts';
import type { ScalingRules } from '../domain/desired-workers.ts';
import type { Load, Reports } from '../ports/reports.ts';

/** `GET /v1/scaling`: what there is to do, by the store, and how many workers that takes. */
export interface ScalingView extends Load {
  desiredWorkers: number;
  /** Turns that one worker is taken to do at once. */
  perWorker: number;
}

export async function scalingView(reports: Pick<Reports, 'load'>, rules: ScalingRules): Promise<ScalingView> {
  const load = await reports.load();
  return { desiredWorkers: desiredWorkers(load, rules), ...load, perWorker: rules.perWorker };
}
