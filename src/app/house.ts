import type { Config } from '../config/index.ts';
import type { Clock } from '../domain/clock.ts';
import type { NewId } from '../domain/ids.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { Connections } from './channels.ts';
import type { Endings } from './endings.ts';
import type { AppMode } from './mode.ts';
import type { Listen } from './stores.ts';

/** Everything that was built, for whoever builds on it. */
export interface House {
  config: Config;
  mode: AppMode;
  clock: Clock;
  newId: NewId;
  telemetry: Telemetry & { meter: Metrics };
  store: Store;
  /** Tells of lanes that got work from other processes; null where there are none, or nothing to listen to. */
  listen: Listen | null;
  connections: Connections;
  endings: Endings;
}
