import type { Settings } from '../config/index.ts';
import type { AutoscaleLimits } from '../domain/autoscale.ts';
import type { ScalingRules } from '../domain/desired-workers.ts';
import type { EngineMode } from '../ports/controls.ts';

/** What the settings say about turns at once, without autoscaling, by where wake-ups come from. */
export const turnsAtOnce = (settings: Settings, mode: EngineMode): number => (mode === 'local' ? settings.localQueueConcurrency : settings.workerConcurrency);

/** Between which numbers a process may move its turns at once; null: not at all. */
export function autoscaleLimits(settings: Settings, mode: EngineMode): AutoscaleLimits | null {
  const { autoscaleMaxConcurrency: max, autoscaleMaxWaitMs: maxWaitMs } = settings;
  const min = turnsAtOnce(settings, mode);
  return max > min ? { min, max, maxWaitMs } : null;
}

/** By what the desired number of workers is found. Every process has the same settings, so every one finds the same number. */
export function scalingRules(settings: Settings): ScalingRules {
  const { scalingMinWorkers: min, scalingMaxWorkers: max, scalingMaxWaitMs: maxWaitMs, autoscaleMaxConcurrency, redisUrl, redisHost } = settings;
  const usual = turnsAtOnce(settings, (redisUrl ?? redisHost) === undefined ? 'local' : 'bullmq');
  return { min, max, maxWaitMs, perWorker: Math.max(usual, autoscaleMaxConcurrency) };
}
