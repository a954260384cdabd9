import type { Engine } from '../ports/engine.ts';
import type { Service } from '../ports/service.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** Finds lanes that have work and nobody to do it: a lost wake-up, a dead lease. */
export function createSweep(deps: { engine: Engine; telemetry: Telemetry }, settings: { intervalMs: number }): Service {
  return {
    name: 'sweep',
    get intervalMs() {
      return settings.intervalMs;
    },
    runOnce: async () => {
      const rescued = await deps.engine.sweep();
      if (rescued > 0) deps.telemetry.meter.count('rescued_wakeups_total', {}, rescued);
    },
  };
}
