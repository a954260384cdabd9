import { desiredWorkers } from '../domain/desired-workers.ts';
import type { ScalingRules } from '../domain/desired-workers.ts';
import type { Reports } from '../ports/reports.ts';
import type { Service } from '../ports/service.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** As often as a scraper would ask, ms. */
const INTERVAL_MS = 5_000;

/** Keeps the desired number of workers in the metrics, for those who scale by these. */
export function createScalingGauge(deps: { reports: Pick<Reports, 'load'>; telemetry: Telemetry }, settings: { rules(): ScalingRules }): Service {
  return {
    name: 'scaling',
    intervalMs: INTERVAL_MS,
    runOnce: async () => {
      deps.telemetry.meter.gauge('desired_workers', {}, desiredWorkers(await deps.reports.load(), settings.rules()));
    },
  };
}
