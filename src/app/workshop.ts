import type { Engine } from '../ports/engine.ts';
import type { Intake } from '../ports/intake.ts';
import type { Service } from '../ports/service.ts';
import type { AutoscaleLimits } from '../domain/autoscale.ts';
import type { ChannelId, LaneId } from '../domain/ids.ts';
import { createIntake } from '../intake/index.ts';
import type { MessageLimit } from '../intake/index.ts';
import { createAutoscale } from '../upkeep/autoscale.ts';
import { createDeadLetterAlert } from '../upkeep/dead-letter-alert.ts';
import { createPrune } from '../upkeep/prune.ts';
import { createReconciler } from '../upkeep/reconcile.ts';
import type { Reconciler } from '../upkeep/reconcile.ts';
import { createSweep } from '../upkeep/sweep.ts';
import { createWork } from '../work/index.ts';
import type { TurnPolicy, WorkSettings } from '../work/index.ts';
import type { Engines } from './engines.ts';
import { hoursByChannel } from './hours.ts';
import type { House } from './house.ts';
import { autoscaleLimits } from './scaling.ts';
import type { Supervisor } from './supervisor.ts';

/** Everything that works on what was stored: the engine and the loops beside it. */
export interface Workshop {
  readonly engine: Engine;
  /** Looks for what was missed while we were down, then works. Returns at once. */
  begin(): void;
  /** Resolves when the engine works; at once when that was never asked for. */
  working(): Promise<void>;
  /** Takes over what the live configuration says now. */
  adopt(): void;
  /** Stops the loops, then the engine; lanes in hand are finished or handed back within the budget. */
  stop(budgetMs: number): Promise<void>;
}

/** A platform that does not answer may hold up the first turn for so long, ms. */
const FIRST_LOOK_MS = 10_000;
/** How often old rows are looked for, ms. */
const PRUNE_INTERVAL_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** The part of the budget in which lanes may finish; the rest is for handing back the others. */
const FINISHING = 0.8;

/** Null: the channel answers any number of messages. */
function limitOf({ connections }: House, id: ChannelId): MessageLimit | null {
  const config = connections.get(id)?.config;
  if (!config?.talk.governorRateLimitEnabled) return null;
  return { perMinute: config.talk.governorMaxMessagesPerMinute, locale: config.locale };
}

/** The way in. `wake` is told of lanes that got work. */
export function buildIntake(house: House, { wake }: { wake(laneId: LaneId, inMs: number): void }): Intake {
  const { store, newId, clock, telemetry, connections, live, limits: { limiter } } = house;
  const { mailbox, conversations, ledger } = store;
  const talkOf = (id: ChannelId) => connections.get(id)?.config.talk ?? live.settings;
  return createIntake(
    { mailbox, conversations, ledger, limiter, newId, clock, telemetry, wake, judged: (verdict) => house.verdicts.add(verdict) },
    {
      // One by one there is no burst to wait for.
      debounceMs: (id) => (talkOf(id).burstStrategy === 'queue' ? 0 : talkOf(id).burstDebounceMs),
      hours: hoursByChannel(connections),
      limit: (id) => limitOf(house, id),
      duplicateWindowMs: (id) => (talkOf(id).governorDedupeEnabled ? talkOf(id).governorDedupeWindowMs : 0),
    },
  );
}

function policyOf(house: House, id: ChannelId): TurnPolicy | undefined {
  const connected = house.connections.get(id);
  if (!connected) return undefined;
  const { channel, responder, config } = connected;
  const { burstStrategy, burstDebounceMs, burstMaxWaitMs, governorBotLoop } = config.talk;
  return {
    channel,
    responder,
    askGate: house.gates.responder(config.responder),
    sendGate: house.gates.channel(id),
    strategy: burstStrategy,
    debounceMs: burstDebounceMs,
    debounceMaxMs: burstMaxWaitMs,
    locale: config.locale,
    onLoop: governorBotLoop,
  };
}

function workSettings({ config, live }: House): WorkSettings {
  return {
    leaseMs: config.settings.laneLeaseMs,
    get maxAttempts() { return live.settings.queueMaxRetries; },
    get retryDelayMs() { return live.settings.queueRetryDelayMs; },
    get maxCrashes() { return live.settings.queueMaxCrashes; },
    get maxTries() { return live.settings.sendMaxTries; },
    get patienceMs() { return live.settings.sendPatienceMs; },
    get attemptMs() { return live.settings.localQueueTimeoutMs; },
    get respondMs() { return live.settings.workerProcessingTimeoutMs; },
    get history() { return live.settings.historyMaxMessages; },
    get typing() { return { enabled: live.settings.workerTypingEnabled, intervalMs: live.settings.workerTypingIntervalMs }; },
  };
}

function buildDrain(house: House, engine: Engine, reconciler: Reconciler): ReturnType<typeof createWork> {
  const { store, clock, newId, telemetry, endings } = house;
  return createWork(
    {
      mailbox: store.mailbox,
      ledger: store.ledger,
      conversations: store.conversations,
      clock,
      newId,
      telemetry,
      policy: (id) => policyOf(house, id),
      handler: house.legacy.handler,
      jobs: store.jobs,
      events: house.events,
      examine: reconciler.examine,
      turnEnded: () => endings.turnEnded(),
      wake: (laneId) => engine.wake(laneId),
    },
    workSettings(house),
  );
}

/** More turns at once than the providers take would only be put back. The least stays for those who ask no provider. */
function roomFor(limits: AutoscaleLimits | null, room: number | null): AutoscaleLimits | null {
  return limits && room !== null ? { ...limits, max: Math.min(limits.max, limits.min + room) } : limits;
}

function loopsOf(house: House, engine: Engine): Service[] {
  const { store, clock, telemetry, live, machine, gates } = house;
  const retention = {
    intervalMs: PRUNE_INTERVAL_MS,
    get bodiesMs() { return live.settings.retentionBodiesDays * DAY_MS; },
    get identitiesMs() { return live.settings.retentionIdentitiesDays * DAY_MS; },
    get deadLettersMs() { return live.settings.retentionDeadLettersDays * DAY_MS; },
  };
  const alert = { get intervalMs() { return live.settings.dlqCheckIntervalMs; }, get threshold() { return live.settings.dlqAlertThreshold; } };
  return [
    gates.service(),
    createSweep({ engine, telemetry }, { get intervalMs() { return live.settings.sweepIntervalMs; } }),
    createPrune({ reports: store.reports, clock, telemetry }, retention),
    createDeadLetterAlert({ deadLetters: store.deadLetters, telemetry }, alert),
    createAutoscale({ engine, reports: store.reports, machine, clock, telemetry }, { limits: () => roomFor(autoscaleLimits(live.settings, engine.stats().mode), gates.room()) }),
  ];
}

/** Resolves when the promise does, or after `ms`. */
async function within(ms: number, promise: Promise<void>, { clock }: House): Promise<void> {
  const over = new AbortController();
  const late = clock.sleep(ms, over.signal).catch(() => undefined);
  await Promise.race([promise, late]);
  over.abort();
}

interface WorkshopParts {
  intake: Intake;
  supervisor: Supervisor;
  engines: Engines;
  /** The one among them. */
  engine: Engine;
}

/** The engine and the loops. Nothing runs before {@link Workshop.begin}. */
export function buildWorkshop(house: House, { intake, supervisor, engines, engine }: WorkshopParts): Workshop {
  const { store, newId, clock, telemetry, connections, live } = house;
  const channels = () => connections.all.map(({ channel }) => channel);
  const wake = (laneId: LaneId, inMs?: number): void => engine.wake(laneId, inMs);
  const reconciler = createReconciler(
    { channels, conversations: store.conversations, intake, newId, clock, telemetry, wake },
    { get intervalMs() { return live.settings.catchUpIntervalMs; } },
  );
  const drain = buildDrain(house, engine, reconciler);
  const bridge = house.legacy.bridge({ store, wake });
  const loops = [...loopsOf(house, engine), ...(bridge ? [bridge] : [])];
  let isStopping = false;
  let begun: Promise<void> = Promise.resolve();
  let listening: AsyncDisposable | null = null;

  async function work(): Promise<void> {
    // What was missed enters before newer messages are answered, so that it is answered first.
    await within(FIRST_LOOK_MS, supervisor.run(reconciler.service), house);
    if (isStopping) return;
    engine.start(drain);
    listening = house.listen?.((laneId) => engines.hear(laneId)) ?? null;
    for (const loop of loops) void supervisor.run(loop);
    await warmUp(house);
  }

  return {
    engine,
    begin() {
      begun = work();
    },
    working: () => begun,
    adopt() {
      engines.adopt();
      void warmUp(house);
    },
    async stop(budgetMs) {
      isStopping = true;
      await Promise.all([supervisor.stop(), engine.stop(budgetMs * FINISHING)]);
      await begun;
      await listening?.[Symbol.asyncDispose]();
    },
  };
}

/** A responder that cannot be loaded fails its turns, with the reason in each; it does not stop the others. */
async function warmUp({ connections, telemetry }: House): Promise<void> {
  const results = await Promise.allSettled(connections.all.map(({ warm }) => warm()));
  for (const result of results) {
    if (result.status === 'rejected') telemetry.log.error({ err: result.reason as unknown }, 'a responder could not be loaded');
  }
}
