/** One measured run of the lanes, in a process of its own. */
import { buildApp } from '../src/app/build.ts';
import type { App } from '../src/app/build.ts';
import { loadConfig } from '../src/config/index.ts';
import { systemClock, systemRandom } from '../src/domain/clock.ts';
import { createIds, laneOf } from '../src/domain/ids.ts';
import type { LaneId, OrgId } from '../src/domain/ids.ts';
import { createLocalEngine } from '../src/engines/local/index.ts';
import type { Channel } from '../src/ports/channel.ts';
import type { Engine } from '../src/ports/engine.ts';
import type { Store } from '../src/ports/store.ts';
import type { Log, Telemetry } from '../src/ports/telemetry.ts';
import { createWork } from '../src/work/index.ts';
import { inChunks, instantChannel, instantResponder, messageEvent, until } from './instant.ts';
import type { Figures } from './report.ts';
import { settingsOf } from './settings.ts';
import type { Where } from './settings.ts';

export type LanePlan = { where: Where; concurrency: number } & (
  | { kind: 'jobs'; conversations: number; jobsEach: number; rounds: number }
  | { kind: 'turns'; turns: number }
);
export interface LaneDone {
  kind: 'done';
  figures: Figures;
}

const ORG = 'org_bench' as OrgId;
/** As the settings' defaults. */
const LEASE_MS = 15_000;
const MAX_PER_CLAIM = 100;

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

/** The store without the rest of the house; only what is measured is loaded. */
async function openStore({ dataDir, databaseUrl }: Where): Promise<Store> {
  if (databaseUrl === null) return (await import('../src/stores/sqlite/index.ts')).openSqliteStore({ dataDir, clock: systemClock });
  return (await import('../src/stores/postgres/index.ts')).openPostgresStore({ url: databaseUrl });
}

interface Jobs {
  started(): void;
  ended(): void;
}

function startEngine(plan: LanePlan, store: Store, jobs: Jobs): Engine {
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
      policy: () => undefined,
      handler: () => async () => jobs.started(),
      jobs: store.jobs,
      events: { emit: () => {} },
      examine: async () => {},
      turnEnded: () => {},
      wake: (laneId) => engine.wake(laneId),
    },
    { leaseMs: LEASE_MS, maxAttempts: 3, retryDelayMs: 1000, maxCrashes: 3, maxTries: 4, patienceMs: 0, attemptMs: 60_000, respondMs: 45_000, history: 20, typing: { enabled: false, intervalMs: 3000 } },
  );
  engine.start(async (claimed, signal) => {
    const drained = await drain(claimed, signal);
    jobs.ended();
    return drained;
  });
  return engine;
}

/** Lays out a round's jobs, then works them off: ms from the first one's start until the last lane was given back. */
async function round(plan: LanePlan & { kind: 'jobs' }, store: Store): Promise<number> {
  const { conversations, jobsEach } = plan;
  const ids = Array.from({ length: conversations }, () => laneOf(newId('cnv')));
  await inChunks(conversations * jobsEach, (index) => store.mailbox.addJob({ kind: 'noop', payload: null, orgId: ORG, laneId: ids[index % conversations] as LaneId }));
  const ran = { first: 0, jobs: 0, lanes: 0, last: 0 };
  const started = (): void => {
    if (ran.jobs === 0) ran.first = performance.now();
    ran.jobs += 1;
  };
  const ended = (): void => {
    ran.lanes += 1;
    ran.last = performance.now();
  };
  const engine = startEngine(plan, store, { started, ended });
  await until(() => ran.lanes >= conversations);
  await engine.stop(1000);
  if (ran.jobs !== conversations * jobsEach || ran.lanes !== conversations) throw new Error(`${conversations * jobsEach} jobs were laid out in ${conversations} lanes; ${ran.jobs} ran, ${ran.lanes} lanes ended`);
  return ran.last - ran.first;
}

/** Jobs that do nothing, some in each lane: how fast lanes are claimed, worked through in order and given back. The first round warms up. */
async function jobs(plan: LanePlan & { kind: 'jobs' }): Promise<Figures> {
  const store = await openStore(plan.where);
  let measuredMs = 0;
  for (let n = 0; n <= plan.rounds; n += 1) {
    const ms = await round(plan, store);
    if (n > 0) measuredMs += ms;
  }
  const { completed } = await store.reports.counts();
  const each = plan.conversations * plan.jobsEach;
  if (completed !== each * (plan.rounds + 1)) throw new Error(`${each * (plan.rounds + 1)} jobs were laid out, ${completed} are completed`);
  await store.close();
  return { perSecond: (each * plan.rounds * 1000) / measuredMs };
}

interface Turning {
  app: App;
  channel: Channel;
}

async function openApp(plan: LanePlan, role: 'api' | 'all', onSent: (key: string) => void): Promise<Turning> {
  const channels: Channel[] = [];
  const instant = (channel: Channel): Channel => channels[channels.push(instantChannel(channel, onSent)) - 1] as Channel;
  const config = await loadConfig({ env: settingsOf(plan.where, plan.concurrency), folder: plan.where.dataDir });
  const app = await buildApp(config, { role, channel: instant, responder: () => instantResponder });
  const [channel] = channels;
  if (!channel) throw new Error('the default configuration has no channel');
  return { app, channel };
}

/** The product with everything but the network: messages go in through intake, and every reply is stored, fenced, sent and settled. */
async function turns(plan: LanePlan & { kind: 'turns' }): Promise<Figures> {
  const warm = Math.ceil(plan.turns / 5);
  const total = warm + plan.turns;
  const first = await openApp(plan, 'api', () => {});
  await inChunks(total, (index) => first.app.intake.accept(first.channel, [messageEvent(index)], { receivedAt: Date.now(), verifiedAt: Date.now() }));
  await first.app.stop();
  const keys = new Set<string>();
  const sent = { count: 0, warmAt: 0 };
  const onSent = (key: string): void => {
    sent.count += 1;
    keys.add(key);
    if (sent.count === warm) sent.warmAt = performance.now();
  };
  const { app } = await openApp(plan, 'all', onSent);
  await app.start();
  await app.working();
  await until(() => (app.engine?.stats().succeeded ?? 0) >= total);
  const seconds = (performance.now() - sent.warmAt) / 1000;
  const { completed } = await app.store.reports.counts();
  if (sent.count !== total || keys.size !== total || completed !== total) {
    throw new Error(`${total} messages went in, ${sent.count} replies were sent, ${keys.size} different ones, ${completed} jobs are completed`);
  }
  await app.stop();
  return { perSecond: plan.turns / seconds };
}

const plan = JSON.parse(process.argv[2] ?? '{}') as LanePlan;
const figures = await (plan.kind === 'jobs' ? jobs(plan) : turns(plan));
process.send?.({ kind: 'done', figures } satisfies LaneDone, () => process.disconnect());
