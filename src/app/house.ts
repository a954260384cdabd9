import type { Config } from '../config/index.ts';
import type { Clock } from '../domain/clock.ts';
import type { NewId } from '../domain/ids.ts';
import type { Machine } from '../ports/machine.ts';
import type { Store } from '../ports/store.ts';
import type { ProcessEvents, ProcessTelemetry } from '../telemetry/index.ts';
import type { Breakers } from './breakers.ts';
import type { Gates } from './gates.ts';
import type { Connections } from './channels.ts';
import type { Endings } from './endings.ts';
import type { Limits } from './limits.ts';
import type { Legacy } from './legacy.ts';
import type { LiveConfig } from './live-config.ts';
import type { AppMode } from './mode.ts';
import type { Listen } from './stores.ts';
import type { VerdictCounts } from './verdict-counts.ts';

/** Everything that was built, for whoever builds on it. */
export interface House {
  /** As it was at the start: for what needs a restart to change. */
  config: Config;
  /** What counts now: for everything else. Ask each time. */
  live: LiveConfig;
  mode: AppMode;
  clock: Clock;
  newId: NewId;
  telemetry: ProcessTelemetry;
  store: Store;
  /** Tells of lanes that got work from other processes; null where there are none, or nothing to listen to. */
  listen: Listen | null;
  connections: Connections;
  endings: Endings;
  breakers: Breakers;
  gates: Gates;
  limits: Limits;
  verdicts: VerdictCounts;
  legacy: Legacy;
  events: ProcessEvents;
  machine: Machine;
}
