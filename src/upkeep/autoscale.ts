import { nextAutoscale, startAutoscale } from '../domain/autoscale.ts';
import type { Autoscale, AutoscaleLimits, LoadLook } from '../domain/autoscale.ts';
import type { Clock } from '../domain/clock.ts';
import type { Engine } from '../ports/engine.ts';
import type { Machine } from '../ports/machine.ts';
import type { Reports } from '../ports/reports.ts';
import type { Service } from '../ports/service.ts';
import type { Telemetry } from '../ports/telemetry.ts';

interface AutoscaleDeps {
  engine: Pick<Engine, 'scale' | 'stats'>;
  reports: Pick<Reports, 'load'>;
  machine: Machine;
  clock: Clock;
  telemetry: Telemetry;
}

interface AutoscaleSettings {
  /** Between which numbers it may move; null: not at all. Asked at each look. */
  limits(): AutoscaleLimits | null;
}

/** The rule counts in looks of this length, ms. */
const LOOK_MS = 1_000;
/** A change is told at once, and further ones after so long, as one, ms. */
const TELL_AGAIN_MS = 10_000;

/** What was told last. */
interface Told {
  concurrency: number;
  at: number;
}

/** The store is asked only when the answer could matter: with a slot free, nothing waits for one. */
async function look({ engine, reports, machine }: AutoscaleDeps): Promise<LoadLook> {
  const { active, concurrency } = engine.stats();
  const [loopUse, memoryUse] = [machine.loopUse(), machine.memoryUse()];
  const oldestWaitingMs = active < concurrency ? 0 : (await reports.load()).oldestWaitingMs;
  return { active, oldestWaitingMs, loopUse, memoryUse };
}

/** Moves the turns at once of this process with what there is to do and what it can bear. */
export function createAutoscale(deps: AutoscaleDeps, settings: AutoscaleSettings): Service {
  const { engine, clock, telemetry } = deps;
  let state: Autoscale = startAutoscale(engine.stats().concurrency);
  let told: Told = { concurrency: state.concurrency, at: -TELL_AGAIN_MS };

  function tell(seen: LoadLook): void {
    const now = clock.monotonic();
    if (state.concurrency === told.concurrency || now - told.at < TELL_AGAIN_MS) return;
    telemetry.log.info({ from: told.concurrency, to: state.concurrency, ...seen }, `[RESILIENCE] turns at once: ${told.concurrency} → ${state.concurrency}`);
    told = { concurrency: state.concurrency, at: now };
  }

  async function move(limits: AutoscaleLimits): Promise<void> {
    const seen = await look(deps);
    state = nextAutoscale(state, seen, limits);
    if (state.concurrency !== engine.stats().concurrency) engine.scale(state.concurrency);
    tell(seen);
  }

  return {
    name: 'autoscale',
    intervalMs: LOOK_MS,
    runOnce: async () => {
      const limits = settings.limits();
      if (limits) await move(limits);
      else state = startAutoscale(engine.stats().concurrency);
      telemetry.meter.gauge('job_concurrency', {}, engine.stats().concurrency);
    },
  };
}
