import type { Controls, EngineMode } from '../ports/controls.ts';
import type { Service } from '../ports/service.ts';

interface Deps {
  controls: Pick<Controls, 'engineMode'>;
  /** Called with each reading; a repetition changes nothing. */
  steer(mode: EngineMode): Promise<void>;
}

/** Follows what operators decided for all processes. `fallback`: they have not decided. */
export function createFollowEngineMode({ controls, steer }: Deps, settings: { intervalMs: number; fallback: EngineMode }): Service {
  return {
    name: 'follow-engine-mode',
    intervalMs: settings.intervalMs,
    runOnce: async () => steer((await controls.engineMode()) ?? settings.fallback),
  };
}
