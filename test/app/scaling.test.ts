import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../src/app/index.ts';
import type { App, Parts } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import type { ConfigSource } from '../../src/config/index.ts';
import type { ChannelId, ConversationId, MessageId, OrgId } from '../../src/domain/ids.ts';
import type { Arrival } from '../../src/ports/mailbox.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';

function arrivalOf(n: number, orgId: string): Arrival {
  const id = String(n).padStart(4, '0');
  return {
    orgId: orgId as OrgId, channelId: 'chn_unknown' as ChannelId, conversationId: `cnv_${id}` as ConversationId, messageId: `msg_${id}` as MessageId, receivedAt: 1, verifiedAt: 1,
    refused: null, deferMs: 0, debounceMs: 0, duplicateWindowMs: 0, doubt: false,
    message: { externalId: id, conversation: id, author: 'a', text: 'hi', attachments: [], sentAt: 1, locale: null },
  };
}

let dataDir = '';
let app: App | null = null;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'chasqui-scaling-'));
});
afterEach(async () => {
  await app?.stop();
  app = null;
  rmSync(dataDir, { recursive: true, force: true });
});

const configOf = (env: Record<string, string>) => resolveConfig({ env: { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent', BURST_DEBOUNCE_MS: '0', ...env } });

async function start(env: Record<string, string>, parts: Parts): Promise<string> {
  app = await buildApp(configOf(env), parts);
  const address = (await app.start()) as string;
  await app.working();
  return address;
}

/** A model that answers when it is let. */
function heldBack() {
  const free = Promise.withResolvers<void>();
  const respond = async (): Promise<{ text: string }> => {
    await free.promise;
    return { text: 'hello' };
  };
  return { release: () => free.resolve(), responder: () => ({ name: 'held', respond }) };
}

async function postAll(address: string, count: number): Promise<void> {
  const post = (n: number) => fetch(`${address}/webhooks/playground`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ conversation: `c${n}`, text: 'hi', id: `${n}` }) });
  const statuses = (await Promise.all(Array.from({ length: count }, (_, n) => post(n)))).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200]));
}

const json = async (url: string) => (await (await fetch(url)).json()) as Record<string, never>;

describe('turns at once', () => {
  const ROOM = { loopUse: () => 0.1, memoryUse: () => 0.3 };

  it('go up while work waits and the process has room, visibly', async () => {
    const model = heldBack();
    const address = await start({ LOCAL_QUEUE_CONCURRENCY: '2', AUTOSCALE_MAX_CONCURRENCY: '7', AUTOSCALE_MAX_WAIT_MS: '50' }, { machine: ROOM, responder: model.responder });
    await postAll(address, 20);
    await expect.poll(() => app?.engine?.stats().active, { timeout: 15_000 }).toBe(7);
    expect((await json(`${address}/health/resilience`)).queue).toMatchObject({ concurrency: 7, active: 7 });
    await expect.poll(async () => (await fetch(`${address}/metrics/prometheus`)).text()).toMatch(/^job_concurrency 7$/m);
    model.release();
    await expect.poll(() => app?.engine?.stats().active, { timeout: 15_000 }).toBe(0);
  }, 40_000);

  it('stay where they are without AUTOSCALE_MAX_CONCURRENCY', async () => {
    const model = heldBack();
    let looks = 0;
    const counting = { ...ROOM, loopUse: () => ++looks };
    const address = await start({ LOCAL_QUEUE_CONCURRENCY: '2' }, { machine: counting, responder: model.responder });
    await postAll(address, 6);
    await expect.poll(async () => (await fetch(`${address}/metrics/prometheus`)).text()).toMatch(/^job_concurrency 2$/m);
    expect([app?.engine?.stats().concurrency, looks]).toEqual([2, 0]);
    model.release();
  }, 30_000);

  it('a process without room does not go up', async () => {
    const model = heldBack();
    let looks = 0;
    const full = { loopUse: () => (looks++, 0.1), memoryUse: () => 0.8 };
    const address = await start({ LOCAL_QUEUE_CONCURRENCY: '2', AUTOSCALE_MAX_CONCURRENCY: '7', AUTOSCALE_MAX_WAIT_MS: '50' }, { machine: full, responder: model.responder });
    await postAll(address, 6);
    await expect.poll(() => looks, { timeout: 15_000 }).toBeGreaterThan(3);
    expect(app?.engine?.stats().concurrency).toBe(2);
    model.release();
  }, 30_000);
});

describe('the desired number of workers', () => {
  it('is told with its reasons, within the limits, and in the metrics', async () => {
    const model = heldBack();
    const address = await start({ LOCAL_QUEUE_CONCURRENCY: '1', SCALING_MAX_WORKERS: '4', SCALING_MAX_WAIT_MS: '1000' }, { responder: model.responder });
    expect(await json(`${address}/v1/scaling`)).toEqual({ ok: true, desiredWorkers: 1, waiting: 0, active: 0, oldestWaitingMs: 0, serviceMs: null, perWorker: 1 });
    await postAll(address, 9);
    await expect.poll(() => json(`${address}/v1/scaling`)).toMatchObject({ desiredWorkers: 4, waiting: 8, active: 1, oldestWaitingMs: expect.any(Number) });
    await expect.poll(async () => (await fetch(`${address}/metrics/prometheus`)).text(), { timeout: 10_000 }).toMatch(/^desired_workers 4$/m);
    model.release();
  }, 30_000);
});

const bin = postgresBin();
describe.skipIf(bin === null)('on PostgreSQL', () => {
  it('every API process desires the same number of workers, and none for what is paused', async () => {
    const postgres = await startPostgres(bin as string);
    const env = { CHATWOOT_BASE_URL: 'http://127.0.0.1:9', CHATWOOT_ACCOUNT_ID: '1', CHATWOOT_API_TOKEN: 't', CHATWOOT_WEBHOOK_SECRET: 's', DATABASE_URL: postgres.url, APP_MODE: 'api' };
    // It listens before it lets anybody in.
    const api = () => vi.waitUntil(() => buildApp(configOf(env)).catch(() => null), { timeout: 20_000, interval: 200 });
    const apis = [(await api()) as App, (await api()) as App];
    try {
      const addresses = await Promise.all(apis.map((one) => one.start()));
      const told = () => Promise.all(addresses.map((address) => json(`${address}/v1/scaling`)));
      const { mailbox, controls } = (apis[0] as App).store;
      for (let n = 0; n < 40; n++) await mailbox.append(arrivalOf(n, n < 30 ? 'org_open' : 'org_paused'));
      await controls.pause({ scope: 'org', orgId: 'org_paused' as OrgId });
      for (const one of await told()) expect(one).toMatchObject({ waiting: 30, active: 0, serviceMs: null, perWorker: 3, desiredWorkers: expect.any(Number) });
      const [first, second] = await told();
      // 30 turns of 3 s within 5 s, and less and less time: 6 workers at first, 10 at the most.
      expect(first?.desiredWorkers).toBeGreaterThanOrEqual(6);
      expect(Math.abs((first?.desiredWorkers ?? 0) - (second?.desiredWorkers ?? 0))).toBeLessThanOrEqual(1);
      await controls.pause({ scope: 'all' });
      expect((await told()).map(({ waiting, desiredWorkers }) => [waiting, desiredWorkers])).toEqual([[0, 1], [0, 1]]);
    } finally {
      await Promise.all(apis.map((one) => one.stop()));
      await postgres.stop();
    }
  }, 60_000);
});

describe('another configuration', () => {
  it('counts in the engine, the talk and the limits without a restart', async () => {
    const model = heldBack();
    let env: Record<string, string> = { LOCAL_QUEUE_CONCURRENCY: '1' };
    const source: ConfigSource = { config: configOf(env), read: async () => configOf(env), files: () => [] };
    const address = await start(env, { responder: model.responder, source });
    await postAll(address, 4);
    await expect.poll(() => app?.engine?.stats().active).toBe(1);
    env = { LOCAL_QUEUE_CONCURRENCY: '3', SCALING_MIN_WORKERS: '2', DATA_DIR: join(dataDir, 'other') };
    const answer = await fetch(`${address}/v1/config/reload`, { method: 'POST' });
    expect(await answer.json()).toMatchObject({ ok: true, changed: true, settings: ['LOCAL_QUEUE_CONCURRENCY', 'SCALING_MIN_WORKERS'], needsRestart: ['DATA_DIR'] });
    await expect.poll(() => app?.engine?.stats().active).toBe(3);
    expect((await json(`${address}/v1/scaling`)).desiredWorkers).toBeGreaterThanOrEqual(2);
    expect((await json(`${address}/v1/config`)).needsRestart).toEqual(['DATA_DIR']);
    model.release();
  }, 30_000);
});
