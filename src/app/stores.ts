import type { Config } from '../config/index.ts';
import type { Clock } from '../domain/clock.ts';
import type { LaneId } from '../domain/ids.ts';
import type { EventRelay } from '../ports/events.ts';
import type { Store } from '../ports/store.ts';
import type { Meter } from '../ports/telemetry.ts';
import { openSqliteStore } from '../stores/sqlite/index.ts';
import { meterStore } from './metered-store.ts';
import type { Parts } from './parts.ts';

/** Hints from the store, until disposed of. */
export type Listen = (onWake: (laneId: LaneId) => void) => AsyncDisposable;

interface Opened {
  store: Store;
  listen: Listen | null;
  /** Carries events between processes; null where there is only one. */
  relay: EventRelay | null;
}

async function openPostgres(url: string, { settings }: Config): Promise<Opened> {
  const { openPostgresStore } = await import('../stores/postgres/index.ts');
  const { acceptMaxWaiting: maxWaiting, storeTimeoutMs: timeoutMs, databaseConnections: connections, databasePooled: pooled } = settings;
  const store = await openPostgresStore({ url, maxWaiting, timeoutMs, connections, pooled });
  return { store, relay: store.events, listen: pooled ? null : (onWake) => store.listen(onWake) ?? nothing };
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => undefined };

async function openSqlite({ settings }: Config, parts: Parts, clock: Clock): Promise<Opened> {
  const { dataDir, acceptMaxWaiting: maxWaiting, storeTimeoutMs: timeoutMs } = settings;
  const store = await openSqliteStore({ dataDir, clock, maxWaiting, timeoutMs, thread: parts.clock === undefined });
  return { store, listen: null, relay: null };
}

/** The store that the settings ask for, its commands timed, and what `parts` put around it. */
export async function openStore(config: Config, parts: Parts, deps: { clock: Clock; meter: Meter }): Promise<Opened> {
  const { databaseUrl } = config.settings;
  const { store, ...links } = databaseUrl ? await openPostgres(databaseUrl, config) : await openSqlite(config, parts, deps.clock);
  const metered = meterStore(store, deps);
  return { store: parts.store?.(metered) ?? metered, ...links };
}
