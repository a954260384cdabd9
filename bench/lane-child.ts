/** One measured run of the lanes, in a process of its own. */
import { buildApp } from '../src/app/build.ts';
import { loadConfig } from '../src/config/index.ts';
import { systemClock, systemRandom } from '../src/domain/clock.ts';
import { createIds, laneOf } from '../src/domain/ids.ts';
import type { ChannelId, ConversationId, LaneId, OrgId } from '../src/domain/ids.ts';
import { createLocalEngine } from '../src/engines/local/index.ts';
import { createIntake } from '../src/intake/index.ts';
import type { Channel } from '../src/ports/channel.ts';
import type { Engine } from '../src/ports/engine.ts';
import type { Mailbox } from '../src/ports/mailbox.ts';
import type { Store } from '../src/ports/store.ts';
import type { Log, Telemetry } from '../src/ports/telemetry.ts';
import { openSqliteStore } from '../src/stores/sqlite/index.ts';
import { createWork } from '../src/work/index.ts';
import type { TurnPolicy } from '../src/work/index.ts';
import { instantChannel, instantResponder } from './instant.ts';
import { Latencies } from './latencies.ts';
import type { Figures } from './report.ts';

export type LanePlan = { dataDir: string; concurrency: number } & (
  | { kind: 'jobs'; conversations: number; jobsEach: number }
  | { kind: 'turns'; turns: number }
  | { kind: 'wakes'; wakes: number; perSecond: number }
);
export interface LaneDone {
  kind: 'done';
  figures: Figures;
}

const ORG = 'org_bench' as OrgId;
/** As the settings' defaults. */
const LEASE_MS = 15_000;
const MAX_PER_CLAIM = 100;
/** Calls made together while the work is laid out. */
const CHUNK = 500;

/** Nothing goes wrong in a bench: whatever is worth a warning makes its figures worthless. */
function fail(fields: object, message: string): never {
  throw new Error(message, { cause: fields });
}

const log: Log = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => fail(fields, message),
  error: (fields, message) => fail(fields, message),
  child: () => log,
};
const telemetry: Telemetry = { log, meter: { count: () => {}, observe: () => {}, gauge: () => {} } };
const newId = createIds(systemClock, systemRandom);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function inChunks(count: number, task: (index: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += CHUNK) {
    await Promise.all(Array.from({ length: Math.min(CHUNK, count - from) }, (_, offset) => task(from + offset)));
  }
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await pause(1);
}

/** The engine and the work on a store, without the rest of the house. */
interface Bench {
  store: Store;
  engine: Engine;
  drain: ReturnType<typeof createWork>;
}

async function openBench(plan: LanePlan, parts: { policy?: TurnPolicy; onJob?: () => void }): Promise<Bench> {
  const store = await openSqliteStore({ dataDir: plan.dataDir, clock: systemClock });
  const engine = createLocalEngine(
    { mailbox: store.mailbox, clock: systemClock, telemetry },
    { owner: 'bench', concurrency: plan.concurrency, maxPerClaim: MAX_PER_CLAIM, leaseMs: LEASE_MS, shares: () => ({ cap: 0, orgs: new Map() }) },
  );
  const drain = createWork(
    {
      mailbox: store.mailbox,
      ledger: store.ledger,
      conversations: store.conversations,
      clock: systemClock,
      newId,
      telemetry,
      policy: () => parts.policy,
      handlers: {
        noop: async () => {
          parts.onJob?.();
        },
      },
      examine: async () => {},
      turnEnded: () => {},
      wake: (laneId) => engine.wake(laneId),
    },
    { leaseMs: LEASE_MS, maxAttempts: 3, retryDelayMs: 1000, maxCrashes: 3, maxTries: 4, patienceMs: 0, attemptMs: 60_000, respondMs: 45_000, history: 20, typing: { enabled: false, intervalMs: 3000 } },
  );
  return { store, engine, drain };
}

/** Jobs that do nothing, five in a lane: how fast lanes are claimed, worked through in order and given back. */
async function jobs(plan: LanePlan & { kind: 'jobs' }): Promise<Figures> {
  const { conversations, jobsEach } = plan;
  let ran = 0;
  const { store, engine, drain } = await openBench(plan, { onJob: () => (ran += 1) });
  const layOut = (lanes: number): Promise<void> => {
    const ids = Array.from({ length: lanes }, () => laneOf(newId('cnv')));
    return inChunks(lanes * jobsEach, (index) => store.mailbox.addJob({ kind: 'noop', payload: null, orgId: ORG, laneId: ids[index % lanes] as LaneId }));
  };
  const warm = Math.ceil(conversations / 10);
  await layOut(warm);
  engine.start(drain);
  await until(() => engine.stats().succeeded >= warm);
  engine.pause();
  await layOut(conversations);
  const startedAt = performance.now();
  engine.resume();
  await until(() => engine.stats().succeeded >= warm + conversations);
  const seconds = (performance.now() - startedAt) / 1000;
  const expected = (warm + conversations) * jobsEach;
  const { completed } = await store.reports.counts();
  if (ran !== expected || completed !== expected) throw new Error(`${expected} jobs were laid out, ${ran} ran and ${completed} are completed`);
  await engine.stop(1000);
  await store.close();
  return { perSecond: (conversations * jobsEach) / seconds, lanesPerSecond: conversations / seconds };
}

/** The product with everything but the network: messages go in through intake, and every reply is stored, fenced, sent and settled. */
async function turns(plan: LanePlan & { kind: 'turns' }): Promise<Figures> {
  const env = {
    PORT: '0',
    LOG_LEVEL: 'error',
    DATA_DIR: plan.dataDir,
    LOCAL_QUEUE_CONCURRENCY: String(plan.concurrency),
    WORKER_TYPING_ENABLED: 'false',
    BURST_DEBOUNCE_MS: '0',
  };
  const keys = new Set<string>();
  let sent = 0;
  const onSent = (key: string): void => {
    sent += 1;
    keys.add(key);
  };
  const channels: Channel[] = [];
  const instant = (channel: Channel): Channel => channels[channels.push(instantChannel(channel, onSent)) - 1] as Channel;
  const app = await buildApp(await loadConfig({ env, folder: plan.dataDir }), { channel: instant, responder: () => instantResponder });
  const [channel] = channels;
  const { engine } = app;
  if (!channel || !engine) throw new Error('the default configuration has no channel or no engine');
  await app.start();
  await app.working();
  let number = 0;
  const layOut = (count: number): Promise<void> => inChunks(count, () => app.intake.accept(channel, [messageEvent(++number)], { receivedAt: Date.now(), verifiedAt: Date.now() }));
  const warm = Math.ceil(plan.turns / 10);
  await layOut(warm);
  await until(() => engine.stats().succeeded >= warm);
  engine.pause();
  await layOut(plan.turns);
  const startedAt = performance.now();
  engine.resume();
  await until(() => engine.stats().succeeded >= warm + plan.turns);
  const seconds = (performance.now() - startedAt) / 1000;
  const expected = warm + plan.turns;
  const { completed } = await app.store.reports.counts();
  if (sent !== expected || keys.size !== expected || completed !== expected) {
    throw new Error(`${expected} messages went in, ${sent} replies were sent, ${keys.size} different ones, ${completed} jobs are completed`);
  }
  await app.stop();
  return { perSecond: plan.turns / seconds };
}

const messageEvent = (number: number): Parameters<ReturnType<typeof createIntake>['accept']>[1][number] => ({
  kind: 'message',
  message: {
    externalId: String(number),
    conversation: String(number),
    author: `contact:${number}`,
    text: `Is order ${number} on its way?`,
    attachments: [],
    sentAt: Date.now(),
    locale: 'en',
  },
  refused: null,
  doubt: false,
});

/** Notes when a message was handed to the store, and when its commit was known. */
function timed(mailbox: Mailbox, times: Map<string, { calledAt: number; committedAt: number }>): Mailbox {
  return {
    ...mailbox,
    append: async (arrival) => {
      const calledAt = performance.now();
      const appended = await mailbox.append(arrival);
      times.set(appended.laneId, { calledAt, committedAt: performance.now() });
      return appended;
    },
  };
}

/** Messages one by one at a modest pace: how long after its commit the lane is in a worker's hands. */
async function wakes(plan: LanePlan & { kind: 'wakes' }): Promise<Figures> {
  const id = 'chn_bench' as ChannelId;
  const channel = instantChannel(
    {
      id,
      orgId: ORG,
      kind: 'bench',
      resolution: { by: 'key', windowMs: 60_000 },
      requestMs: 5000,
      landingMs: 0,
      verify: () => null,
      parse: () => [],
      split: (text) => [text],
      send: async () => ({ kind: 'sent', providerId: null }),
    },
    () => {},
  );
  const policy: TurnPolicy = { channel, responder: instantResponder, strategy: 'coalesce', debounceMs: 0, debounceMaxMs: 0, locale: 'en' };
  const { store, engine, drain } = await openBench(plan, { policy });
  const times = new Map<string, { calledAt: number; committedAt: number }>();
  const fromCommit = new Latencies(plan.wakes);
  const fromCall = new Latencies(plan.wakes);
  const warm = Math.ceil(plan.wakes / 4);
  let seen = 0;
  const intake = createIntake(
    { mailbox: timed(store.mailbox, times), conversations: store.conversations, ledger: store.ledger, newId, clock: systemClock, telemetry, wake: (laneId) => engine.wake(laneId) },
    { debounceMs: () => 0, duplicateWindowMs: () => 5000 },
  );
  engine.start((claimed, signal) => {
    const enteredAt = performance.now();
    const at = times.get(claimed.lease.laneId as string as ConversationId);
    seen += 1;
    if (at && seen > warm) {
      fromCommit.add(enteredAt - at.committedAt);
      fromCall.add(enteredAt - at.calledAt);
    }
    return drain(claimed, signal);
  });
  const total = warm + plan.wakes;
  const startedAt = performance.now();
  for (let number = 1; number <= total; number += 1) {
    await pause(Math.max(0, startedAt + (number * 1000) / plan.perSecond - performance.now()));
    void intake.accept(channel, [messageEvent(number)], { receivedAt: Date.now(), verifiedAt: Date.now() });
  }
  await until(() => engine.stats().succeeded >= total);
  await engine.stop(1000);
  await store.close();
  const commit = fromCommit.figures();
  const call = fromCall.figures();
  if (fromCommit.count !== plan.wakes) throw new Error(`${plan.wakes} messages were measured for, ${fromCommit.count} were`);
  return { commitP50: commit.p50, commitP99: commit.p99, callP50: call.p50, callP99: call.p99 };
}

function measure(plan: LanePlan): Promise<Figures> {
  switch (plan.kind) {
    case 'jobs':
      return jobs(plan);
    case 'turns':
      return turns(plan);
    case 'wakes':
      return wakes(plan);
  }
}

const figures = await measure(JSON.parse(process.argv[2] ?? '{}') as LanePlan);
process.send?.({ kind: 'done', figures } satisfies LaneDone, () => process.disconnect());
