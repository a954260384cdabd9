import type { Config } from '../config/index.ts';
import { readVersion } from '../config/index.ts';
import { systemClock, systemRandom } from '../domain/clock.ts';
import { createIds } from '../domain/ids.ts';
import { createHttp } from '../http/index.ts';
import type { Http } from '../http/index.ts';
import { createOperate } from '../operate/index.ts';
import type { Operate } from '../operate/index.ts';
import type { Engine } from '../ports/engine.ts';
import type { Intake } from '../ports/intake.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { createTelemetry } from '../telemetry/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import { connectChannels } from './channels.ts';
import { createEndings } from './endings.ts';
import type { House } from './house.ts';
import { createLifecycle } from './lifecycle.ts';
import type { Lifecycle, StopResult } from './lifecycle.ts';
import { takesWebhooks, takesWork } from './mode.ts';
import type { AppMode } from './mode.ts';
import type { Parts } from './parts.ts';
import { openStore } from './stores.ts';
import { createSupervisor } from './supervisor.ts';
import { buildIntake, buildWorkshop } from './workshop.ts';
import type { Workshop } from './workshop.ts';

/** A whole Chasqui in this process. */
export interface App {
  readonly config: Config;
  readonly mode: AppMode;
  readonly store: Store;
  /** Null in a process that takes no work. */
  readonly engine: Engine | null;
  readonly intake: Intake;
  readonly operate: Operate;
  /** Null in a process that takes no webhooks. */
  readonly http: Http | null;
  readonly metrics: Metrics;
  readonly log: Telemetry['log'];
  readonly lifecycle: Lifecycle;
  /**
   * Serves, then begins to work in the background. Returns the address, or null without HTTP.
   *
   * @throws ConfigError when the port is taken; everything is stopped then.
   */
  start(): Promise<string | null>;
  /** Resolves when work has begun: after the first look at what was missed, or 10 s. */
  working(): Promise<void>;
  /** Stops everything in its order, within `SHUTDOWN_TIMEOUT_MS`. Does not end the process. */
  stop(): Promise<StopResult>;
}

async function layFoundations(config: Config, parts: Parts): Promise<House> {
  const clock = parts.clock ?? systemClock;
  const newId = createIds(clock, parts.random ?? systemRandom);
  const own = createTelemetry({ level: config.settings.logLevel });
  const telemetry = { meter: own.meter, log: parts.log ?? own.log };
  const connections = connectChannels(config, { clock, newId, telemetry, parts });
  const { store, listen } = await openStore(config, parts, { clock, meter: telemetry.meter });
  const endings = createEndings({ reports: store.reports, clock });
  return { config, mode: parts.role ?? config.settings.appMode, clock, newId, telemetry, store, listen, connections, endings };
}

function buildOperate(house: House, engine: Engine | null): Operate {
  const { config, store, clock, newId, telemetry } = house;
  const wake = engine ? engine.wake.bind(engine) : () => {};
  return createOperate({ store, engine, clock, newId, wake, telemetry }, { dlqName: config.settings.dlqName, alertThreshold: config.settings.dlqAlertThreshold });
}

interface Rooms {
  intake: Intake;
  operate: Operate;
  lifecycle: Lifecycle;
}

function buildHttp(house: House, { intake, operate, lifecycle }: Rooms): Promise<Http> {
  const { config, store, clock, telemetry, connections, endings } = house;
  const { settings } = config;
  const life = { phase: () => lifecycle.phase(), get initialized() { return lifecycle.initialized; }, handlers: lifecycle.handlers, degraded: () => [], breakers: () => [] };
  return createHttp(
    {
      intake,
      operate,
      store,
      clock,
      telemetry,
      channels: connections.directory,
      lifecycle: life,
      metrics: telemetry.meter,
      playground: connections.playground?.hub ?? null,
      answered: (ids, signal) => endings.wait(ids, signal),
    },
    {
      host: settings.host,
      port: settings.port,
      adminToken: settings.adminToken ?? null,
      production: settings.nodeEnv === 'production',
      version: readVersion(),
      useAsyncWebhook: settings.useAsyncWebhook,
      answerDeadlineMs: settings.workerProcessingTimeoutMs,
      playgroundPublic: connections.playground?.public ?? false,
    },
  );
}

/** What is stopped, and when. */
function registerHandlers(lifecycle: Lifecycle, parts: { workshop: Workshop | null; operate: Operate; http: Http | null; store: Store }): void {
  const { workshop, operate, http, store } = parts;
  if (workshop) lifecycle.add({ name: 'localQueue', priority: 10, stop: (budgetMs) => workshop.stop(budgetMs) });
  if (http) lifecycle.add({ name: 'http', priority: 1, stop: () => http.close() });
  const closeStore = async (): Promise<void> => {
    await operate.stop();
    await store.close();
  };
  lifecycle.add({ name: 'store', priority: 0, stop: closeStore });
}

/**
 * Builds a whole Chasqui. Nothing runs before {@link App.start}.
 *
 * @throws ConfigError for settings that cannot be used, AppError `store_held` when another process has the store's file.
 */
export async function buildApp(config: Config, parts: Parts = {}): Promise<App> {
  const house = await layFoundations(config, parts);
  try {
    return await furnish(house);
  } catch (error) {
    // An open store keeps the process alive.
    await house.store.close();
    throw error;
  }
}

async function furnish(house: House): Promise<App> {
  const { config, mode, store, clock, telemetry } = house;
  const { log } = telemetry;
  const lifecycle = createLifecycle({ clock, log });
  const intake = buildIntake(house, { wake: (laneId) => workshop?.engine.wake(laneId) });
  const workshop = takesWork(mode) ? buildWorkshop(house, { intake, supervisor: createSupervisor({ clock, log }) }) : null;
  const engine = workshop?.engine ?? null;
  const operate = buildOperate(house, engine);
  const http = takesWebhooks(mode) ? await buildHttp(house, { intake, operate, lifecycle }) : null;
  registerHandlers(lifecycle, { workshop, operate, http, store });

  const { drainDelayMs, shutdownTimeoutMs: timeoutMs } = config.settings;
  const stop = (): Promise<StopResult> => lifecycle.stop({ drainDelayMs, timeoutMs });
  async function start(): Promise<string | null> {
    try {
      const address = (await http?.listen()) ?? null;
      lifecycle.ready();
      workshop?.begin();
      return address;
    } catch (error) {
      await lifecycle.stop({ drainDelayMs: 0, timeoutMs });
      throw error;
    }
  }
  const working = async (): Promise<void> => workshop?.working();
  return { config, mode, store, engine, intake, operate, http, metrics: telemetry.meter, log, lifecycle, start, stop, working };
}
