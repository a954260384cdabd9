/**
 * How long a message waits between its commit and a worker's claim: one process of the product, which takes messages in, works, or both. Claims
 * are seen where every engine makes them, at the store's port.
 */
import { buildApp } from '../src/app/build.ts';
import { resolveConfig } from '../src/config/index.ts';
import type { Channel } from '../src/ports/channel.ts';
import type { Responder } from '../src/ports/responder.ts';
import type { Store } from '../src/ports/store.ts';
import { instantChannel, instantResponder, messageEvent, pause } from './instant.ts';
import { settingsOf } from './settings.ts';
import type { Where } from './settings.ts';

/** Messages of one org at a steady pace, each to a conversation of its own. */
export interface Flow {
  perSecond: number;
  /** Which org's waits count. */
  org: 'small' | 'flood';
}

export interface WaitPlan {
  where: Where;
  role: 'all' | 'api' | 'worker';
  concurrency: number;
  /** How long a turn takes, ms. */
  serviceMs: number;
  flows: Flow[];
  warmMs: number;
  measureMs: number;
}

export type ToWait = { kind: 'go' } | { kind: 'report' };
/** Instants on the machine's clock, ms, by lane: of the small org, after the warm-up. */
export interface Seen {
  kind: 'seen';
  called: [string, number][];
  committed: [string, number][];
  claimed: [string, number][];
}
export type FromWait = { kind: 'ready' } | { kind: 'flowed' } | Seen;

const now = (): number => performance.timeOrigin + performance.now();
const plan = JSON.parse(process.argv[2] ?? '{}') as WaitPlan;
const tell = (message: FromWait): void => void process.send?.(message);

const called = new Map<string, number>();
const committed = new Map<string, number>();
const claimed = new Map<string, number>();
let countsFrom = Infinity;

/** Notes when a message of the small org was handed to the store, when its commit was known, and when its lane was in a worker's hands. */
function watched(store: Store): Store {
  const { mailbox } = store;
  return {
    ...store,
    mailbox: {
      ...mailbox,
      async append(arrival) {
        const at = now();
        const appended = await mailbox.append(arrival);
        if (arrival.orgId !== SMALL || at < countsFrom) return appended;
        called.set(appended.laneId, at);
        committed.set(appended.laneId, now());
        return appended;
      },
      async claim(request) {
        const result = await mailbox.claim(request);
        for (const { lease } of result.claimed) if (lease.orgId === SMALL && !claimed.has(lease.laneId)) claimed.set(lease.laneId, now());
        return result;
      },
    },
  };
}

function slowResponder(serviceMs: number): Responder {
  if (serviceMs === 0) return instantResponder;
  return {
    ...instantResponder,
    async respond(...args) {
      await pause(serviceMs);
      return instantResponder.respond(...args);
    },
  };
}

/** Two orgs, each with a channel. */
const SMALL = 'org_small';
const connection = { kind: 'chatwoot', baseUrl: 'http://127.0.0.1:9', accountId: 1, apiToken: { env: 'BENCH_SECRET' }, webhookSecret: { env: 'BENCH_SECRET' } };
const orgs = (['small', 'flood'] as const).map((id) => ({ id, channels: [{ ...connection, id: `${id}-channel` }] }));

const channels = new Map<string, Channel>();
const noted = (channel: Channel): Channel => {
  const instant = instantChannel(channel, () => {});
  channels.set(channel.orgId, instant);
  return instant;
};
const env = { ...settingsOf(plan.where, plan.concurrency), BENCH_SECRET: 'bench-secret' };
const config = resolveConfig({ env, file: { name: 'bench', value: { orgs } } });
const app = await buildApp(config, { role: plan.role, store: watched, channel: noted, responder: () => slowResponder(plan.serviceMs) });
await app.start();
await app.working();

async function flow({ perSecond, org }: Flow): Promise<void> {
  const channel = channels.get(`org_${org}`);
  if (!channel) throw new Error(`no channel of ${org}`);
  const startedAt = performance.now();
  const total = Math.ceil((perSecond * (plan.warmMs + plan.measureMs)) / 1000);
  const accepting: Promise<unknown>[] = [];
  for (let number = 0; number < total; number += 1) {
    await pause(Math.max(0, startedAt + (number * 1000) / perSecond - performance.now()));
    accepting.push(app.intake.accept(channel, [messageEvent(number)], { receivedAt: Date.now(), verifiedAt: Date.now() }));
  }
  await Promise.all(accepting);
}

async function go(): Promise<void> {
  countsFrom = now() + plan.warmMs;
  await Promise.all(plan.flows.map(flow));
  tell({ kind: 'flowed' });
}

process.on('message', (message: ToWait) => {
  if (message.kind === 'go') void go();
  else tell({ kind: 'seen', called: [...called], committed: [...committed], claimed: [...claimed] });
});
tell({ kind: 'ready' });
