import type { Config, ConfigSource } from '../config/index.ts';
import { systemClock, systemRandom } from '../domain/clock.ts';
import { createIds } from '../domain/ids.ts';
import type { Http } from '../http/index.ts';
import { createOperate } from '../operate/index.ts';
import type { GovernorView, Operate } from '../operate/index.ts';
import type { PauseTarget } from '../ports/controls.ts';
import type { Engine } from '../ports/engine.ts';
import type { Events } from '../ports/events.ts';
import type { Intake } from '../ports/intake.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { createEvents, createMachine, createTelemetry } from '../telemetry/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import { createScalingGauge } from '../upkeep/scaling.ts';
import { createAddJob } from './add-job.ts';
import type { AddJob } from './add-job.ts';
import { Breakers } from './breakers.ts';
import { connectChannels } from './channels.ts';
import { createEndings } from './endings.ts';
import { Gates } from './gates.ts';
import { buildEngines } from './engines.ts';
import type { Engines } from './engines.ts';
import type { House } from './house.ts';
import { buildHttp, servesHttp } from './http.ts';
import { createActionLimits } from './action-limits.ts';
import { openLimits } from './limits.ts';
import { createLegacy } from './legacy.ts';
import { createLifecycle } from './lifecycle.ts';
import type { Lifecycle, StopResult } from './lifecycle.ts';
import { createLiveConfig } from './live-config.ts';
import type { OwnedLiveConfig } from './live-config.ts';
import type { AppMode } from './mode.ts';
import type { Parts } from './parts.ts';
import { createReload } from './reload.ts';
import type { Follower, Reload } from './reload.ts';
import { scalingRules } from './scaling.ts';
import { openStore } from './stores.ts';
import { createSupervisor } from './supervisor.ts';
import type { Supervisor } from './supervisor.ts';
import { VerdictCounts } from './verdict-counts.ts';
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
  /** Null in a worker without `WORKER_PORT`. */
  readonly http: Http | null;
  readonly metrics: Metrics;
  readonly log: Telemetry['log'];
  readonly lifecycle: Lifecycle;
  readonly reload: Reload;
  /** What happens to jobs, here and in other processes. */
  readonly events: Pick<Events, 'subscribe'>;
  /** Adds a job for one of the handlers of the configuration (`jobs`). */
  readonly addJob: AddJob;
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

/** Whoever has these may let another configuration count: {@link createReload} alone. */
interface Foundations extends House {
  live: OwnedLiveConfig;
}

async function layFoundations(config: Config, parts: Parts): Promise<Foundations> {
  const clock = parts.clock ?? systemClock;
  const newId = createIds(clock, parts.random ?? systemRandom);
  const own = createTelemetry({ level: config.settings.logLevel });
  const telemetry = { ...own, log: parts.log ?? own.log };
  const live = createLiveConfig(config);
  const connections = connectChannels(config, { clock, newId, telemetry, parts });
  const legacy = createLegacy(config, { live, newId, telemetry });
  const { store, listen, relay } = await openStore(config, parts, { clock, meter: telemetry.meter });
  const limits = await openLimits(config.settings, { clock, telemetry }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const events = createEvents({ relay, clock, telemetry });
  const endings = createEndings({ reports: store.reports, clock });
  const breakers = new Breakers();
  const gates = new Gates({ clock, random: parts.random ?? systemRandom, log: telemetry.log, meter: telemetry.meter, board: store.breakers, rests: parts.rests });
  breakers.add(() => gates.views());
  breakers.add(() => limits.breakers());
  return { config, live, mode: parts.role ?? config.settings.appMode, clock, newId, telemetry, store, listen, connections, endings, breakers, gates, limits, verdicts: new VerdictCounts(), legacy, events, machine: parts.machine ?? createMachine() };
}

function isConfigured({ orgs }: Config, target: PauseTarget): boolean {
  switch (target.scope) {
    case 'all':
      return true;
    case 'org':
      return orgs.some(({ id }) => id === target.orgId);
    case 'channel':
      return orgs.some(({ channels }) => channels.some(({ id }) => id === target.channelId));
  }
}

function governorView({ live, verdicts }: House): GovernorView {
  const { governorServiceHoursEnabled, governorDedupeEnabled, governorDedupeWindowMs, governorRateLimitEnabled, governorMaxMessagesPerMinute } = live.settings;
  return {
    config: { serviceHoursEnabled: governorServiceHoursEnabled, rateLimitEnabled: governorRateLimitEnabled, dedupeEnabled: governorDedupeEnabled, maxRequestsPerMinute: governorMaxMessagesPerMinute, dedupeWindowMs: governorDedupeWindowMs },
    verdicts: verdicts.all(),
  };
}

function buildOperate(house: House, { engine, wake, redis }: Engines): Operate {
  const { config, store, clock, newId, telemetry } = house;
  return createOperate({ store, engine, clock, newId, wake, telemetry, governor: { view: () => governorView(house), limiter: house.limits.limiter }, limits: createActionLimits(house), legacy: house.legacy.gate, watch: redis?.watch ?? null, redis: () => redis?.link.breaker === 'closed', isKnown: (target) => isConfigured(house.live.config, target) }, {
    dlqName: config.settings.dlqName,
    get alertThreshold() { return house.live.settings.dlqAlertThreshold; },
    get scaling() { return scalingRules(house.live.settings); },
  });
}

/** Who has to be told of another configuration, because they do not ask for it. */
function followersIn({ connections, telemetry }: House, workshop: Workshop | null): Follower[] {
  const told = (tell: (next: Config) => void): Follower => ({ prepare: (next) => () => tell(next) });
  return [connections, told(({ settings }) => telemetry.setLevel(settings.logLevel)), told(() => workshop?.adopt())];
}

/** The part of its time in which Redis may take wake-ups back; after that the connections are cut. */
const LEAVING = 0.8;

/** What is stopped, and when. */
function registerHandlers(lifecycle: Lifecycle, parts: { workshop: Workshop | null; engines: Engines; operate: Operate; http: Http | null; house: House; supervisor: Supervisor }): void {
  const { workshop, engines: { engine, redis }, operate, http, house, supervisor } = parts;
  if (workshop) lifecycle.add({ name: 'localQueue', priority: 10, stop: (budgetMs) => workshop.stop(budgetMs) });
  if (engine && redis) lifecycle.add({ name: 'bullmq', priority: 8, stop: (budgetMs) => redis.leave(budgetMs * LEAVING) });
  if (http) lifecycle.add({ name: 'http', priority: 1, stop: () => http.close() });
  const closeStore = async (): Promise<void> => {
    // Webhooks were accepted until now, and woke other processes.
    await Promise.all([supervisor.stop(), operate.stop(), redis?.link.stop()]);
    await Promise.all([house.events.close(), house.legacy.close(), house.limits.close()]);
    await house.store.close();
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
    return await furnish(house, parts.source ?? { config, read: async () => config, files: () => [] });
  } catch (error) {
    // What is open keeps the process alive.
    await Promise.all([house.limits.close(), house.store.close()]);
    throw error;
  }
}

async function furnish(house: Foundations, source: ConfigSource): Promise<App> {
  const { config, live, mode, store, clock, telemetry } = house;
  const { log } = telemetry;
  const lifecycle = createLifecycle({ clock, log });
  const engines = await buildEngines(house);
  const { engine } = engines;
  const intake = buildIntake(house, engines);
  const supervisor = createSupervisor({ clock, log });
  const workshop = engine ? buildWorkshop(house, { intake, supervisor, engines, engine }) : null;
  const operate = buildOperate(house, engines);
  const reload = createReload({ source, live, followers: followersIn(house, workshop), clock, log });
  const http = servesHttp(house) ? await buildHttp(house, { intake, operate, lifecycle, reload, engines }) : null;
  registerHandlers(lifecycle, { workshop, engines, operate, http, house, supervisor });

  const stop = (): Promise<StopResult> => lifecycle.stop({ drainDelayMs: live.settings.drainDelayMs, timeoutMs: live.settings.shutdownTimeoutMs });
  async function start(): Promise<string | null> {
    try {
      engines.redis?.link.start();
      const address = (await http?.listen()) ?? null;
      lifecycle.ready();
      workshop?.begin();
      operate.begin();
      if (engines.redis) void supervisor.run(engines.redis.follow);
      void supervisor.run(reload.watch);
      if (http) void supervisor.run(createScalingGauge({ reports: store.reports, telemetry }, { rules: () => scalingRules(live.settings) }));
      return address;
    } catch (error) {
      await lifecycle.stop({ drainDelayMs: 0, timeoutMs: config.settings.shutdownTimeoutMs });
      throw error;
    }
  }
  const addJob = createAddJob({ live, store, newId: house.newId, wake: engines.wake });
  const working = async (): Promise<void> => workshop?.working();
  return { config, mode, store, engine, intake, operate, http, metrics: telemetry.meter, log, lifecycle, reload, events: house.events, addJob, start, stop, working };
}
