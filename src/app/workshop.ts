import type { Engine } from '../ports/engine.ts';
import type { Intake } from '../ports/intake.ts';
import type { Service } from '../ports/service.ts';
import { createLocalEngine } from '../engines/local/index.ts';
import type { ChannelId, LaneId } from '../domain/ids.ts';
import { createIntake } from '../intake/index.ts';
import { createDeadLetterAlert } from '../upkeep/dead-letter-alert.ts';
import { createPrune } from '../upkeep/prune.ts';
import { createReconciler } from '../upkeep/reconcile.ts';
import type { Reconciler } from '../upkeep/reconcile.ts';
import { createSweep } from '../upkeep/sweep.ts';
import { createWork } from '../work/index.ts';
import type { TurnPolicy } from '../work/index.ts';
import type { House } from './house.ts';
import type { Supervisor } from './supervisor.ts';

/** Everything that works on what was stored: the engine and the loops beside it. */
export interface Workshop {
  readonly engine: Engine;
  /** Looks for what was missed while we were down, then works. Returns at once. */
  begin(): void;
  /** Resolves when the engine works; at once when that was never asked for. */
  working(): Promise<void>;
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

/** The way in. `wake` is told of lanes that got work. */
export function buildIntake(house: House, { wake }: { wake(laneId: LaneId): void }): Intake {
  const { store, newId, clock, telemetry, connections, config } = house;
  const { mailbox, conversations, ledger } = store;
  const talkOf = (id: ChannelId) => connections.get(id)?.config.talk ?? config.settings;
  return createIntake(
    { mailbox, conversations, ledger, newId, clock, telemetry, wake },
    {
      // One by one there is no burst to wait for.
      debounceMs: (id) => (talkOf(id).burstStrategy === 'queue' ? 0 : talkOf(id).burstDebounceMs),
      duplicateWindowMs: (id) => (talkOf(id).governorDedupeEnabled ? talkOf(id).governorDedupeWindowMs : 0),
    },
  );
}

function policyOf(house: House, id: ChannelId): TurnPolicy | undefined {
  const connected = house.connections.get(id);
  if (!connected) return undefined;
  const { channel, responder, config } = connected;
  const { burstStrategy, burstDebounceMs, burstMaxWaitMs } = config.talk;
  return { channel, responder, strategy: burstStrategy, debounceMs: burstDebounceMs, debounceMaxMs: burstMaxWaitMs, locale: config.locale };
}

function buildEngine(house: House): Engine {
  const { config, store, clock, telemetry, newId } = house;
  const { localQueueConcurrency, localQueueMaxSize, laneLeaseMs, orgMaxConcurrency } = config.settings;
  return createLocalEngine(
    { mailbox: store.mailbox, clock, telemetry },
    { owner: `${process.pid}-${newId('op')}`, concurrency: localQueueConcurrency, maxPerClaim: localQueueMaxSize, leaseMs: laneLeaseMs, shares: () => ({ cap: orgMaxConcurrency, orgs: new Map() }) },
  );
}

function buildDrain(house: House, engine: Engine, reconciler: Reconciler): ReturnType<typeof createWork> {
  const { store, clock, newId, telemetry, endings } = house;
  const s = house.config.settings;
  return createWork(
    {
      mailbox: store.mailbox,
      ledger: store.ledger,
      conversations: store.conversations,
      clock,
      newId,
      telemetry,
      policy: (id) => policyOf(house, id),
      handlers: {},
      examine: reconciler.examine,
      turnEnded: () => endings.turnEnded(),
      wake: (laneId) => engine.wake(laneId),
    },
    {
      leaseMs: s.laneLeaseMs,
      maxAttempts: s.queueMaxRetries,
      retryDelayMs: s.queueRetryDelayMs,
      maxCrashes: s.queueMaxCrashes,
      maxTries: s.sendMaxTries,
      patienceMs: s.sendPatienceMs,
      attemptMs: s.localQueueTimeoutMs,
      respondMs: s.workerProcessingTimeoutMs,
      history: s.historyMaxMessages,
      typing: { enabled: s.workerTypingEnabled, intervalMs: s.workerTypingIntervalMs },
    },
  );
}

function loopsOf(house: House, engine: Engine): Service[] {
  const { store, clock, telemetry } = house;
  const s = house.config.settings;
  const retention = {
    intervalMs: PRUNE_INTERVAL_MS,
    bodiesMs: s.retentionBodiesDays * DAY_MS,
    identitiesMs: s.retentionIdentitiesDays * DAY_MS,
    deadLettersMs: s.retentionDeadLettersDays * DAY_MS,
  };
  return [
    createSweep({ engine, telemetry }, { intervalMs: s.sweepIntervalMs }),
    createPrune({ reports: store.reports, clock, telemetry }, retention),
    createDeadLetterAlert({ deadLetters: store.deadLetters, telemetry }, { intervalMs: s.dlqCheckIntervalMs, threshold: s.dlqAlertThreshold }),
  ];
}

/** Resolves when the promise does, or after `ms`. */
async function within(ms: number, promise: Promise<void>, { clock }: House): Promise<void> {
  const over = new AbortController();
  const late = clock.sleep(ms, over.signal).catch(() => undefined);
  await Promise.race([promise, late]);
  over.abort();
}

/** The engine and the loops. Nothing runs before {@link Workshop.begin}. */
export function buildWorkshop(house: House, { intake, supervisor }: { intake: Intake; supervisor: Supervisor }): Workshop {
  const { store, newId, clock, telemetry, connections, config } = house;
  const engine = buildEngine(house);
  const channels = connections.all.map(({ channel }) => channel);
  const wake = (laneId: LaneId): void => engine.wake(laneId);
  const reconciler = createReconciler(
    { channels, conversations: store.conversations, intake, newId, clock, telemetry, wake },
    { intervalMs: config.settings.catchUpIntervalMs },
  );
  const drain = buildDrain(house, engine, reconciler);
  const loops = loopsOf(house, engine);
  let isStopping = false;
  let begun: Promise<void> = Promise.resolve();
  let listening: AsyncDisposable | null = null;

  async function work(): Promise<void> {
    // What was missed enters before newer messages are answered, so that it is answered first.
    await within(FIRST_LOOK_MS, supervisor.run(reconciler.service), house);
    if (isStopping) return;
    engine.start(drain);
    listening = house.listen?.(wake) ?? null;
    for (const loop of loops) void supervisor.run(loop);
    await warmUp(house);
  }

  return {
    engine,
    begin() {
      begun = work();
    },
    working: () => begun,
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
