import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { buildApp } from '../../src/app/index.ts';
import type { App } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import type { ConfigFile } from '../../src/config/index.ts';
import type { LaneId, OrgId } from '../../src/domain/ids.ts';
import { manualClock } from '../support/manual-clock.ts';

let dataDir = '';
let chatwoot: ChatwootSim;
let app: App | null = null;
let file: ConfigFile;

const read = () => resolveConfig({ env: { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent', BURST_DEBOUNCE_MS: '0' }, file: { name: 'chasqui.config.ts', value: file } });

function channel(id: string, change: object = {}) {
  return { kind: 'chatwoot' as const, id, baseUrl: chatwoot.url, accountId: chatwoot.accountId, apiToken: chatwoot.tokens.bot, webhookSecret: chatwoot.webhookSecret, ...change };
}
const fileOf = (...channels: ReturnType<typeof channel>[]): ConfigFile => ({ queueRetryDelayMs: 200, orgs: [{ id: 'acme', channels }] });

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'chasqui-reload-'));
  chatwoot = await startChatwoot({ limits: 'off' });
});
afterEach(async () => {
  await app?.stop();
  app = null;
  await chatwoot.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(): Promise<App> {
  app = await buildApp(read(), { source: { config: read(), read: async () => read(), files: () => [] } });
  const address = await app.start();
  await app.working();
  chatwoot.setWebhookUrl(`${address}/webhooks/chatwoot/chn_shop`);
  return app;
}

const replies = (conversation: number): string[] => chatwoot.ledger.botMessages.filter((each) => each.conversation === conversation).map((each) => each.content);
const answered = (conversation: number, count = 1) => expect.poll(() => replies(conversation).length, { timeout: 10_000 }).toBe(count);

describe('channels of a running process', () => {
  it('use the new credentials and the new responder from the next turn on', async () => {
    file = fileOf(channel('shop'));
    const running = await start();
    chatwoot.contactSends(1, 'hola');
    await answered(1);
    const before = running.intake;
    file = fileOf(channel('shop', { responder: { kind: 'function' as const, respond: () => 'from the new one' }, webhookSecret: 'another-secret' }));
    expect(await running.reload.now('request')).toMatchObject({ kind: 'reloaded', change: { channels: { changed: [{ id: 'chn_shop', what: ['webhookSecret', 'responder'] }] } } });
    expect(running.intake).toBe(before);
    // Signed with the old secret: refused.
    chatwoot.contactSends(2, 'hola');
    await chatwoot.settled();
    expect(replies(2)).toEqual([]);
    file = fileOf(channel('shop', { responder: { kind: 'function' as const, respond: () => 'from the new one' } }));
    await running.reload.now('request');
    chatwoot.contactSends(3, 'hola');
    await answered(3);
    expect(replies(3)).toEqual(['from the new one']);
  }, 30_000);

  it('a turn in hand goes on with the old responder', async () => {
    const asked = Promise.withResolvers<void>();
    const free = Promise.withResolvers<void>();
    const slow = async () => {
      asked.resolve();
      await free.promise;
      return 'from the old one';
    };
    file = fileOf(channel('shop', { responder: { kind: 'function' as const, respond: slow } }));
    const running = await start();
    chatwoot.contactSends(1, 'hola');
    await asked.promise;
    file = fileOf(channel('shop', { responder: { kind: 'function' as const, respond: () => 'from the new one' } }));
    await running.reload.now('request');
    free.resolve();
    await answered(1);
    chatwoot.contactSends(1, 'otra');
    await answered(1, 2);
    expect(replies(1)).toEqual(['from the old one', 'from the new one']);
  }, 30_000);

  it('what was stored for a channel that is removed by mistake waits, and is answered when it is back', async () => {
    file = fileOf(channel('shop', { responder: { kind: 'function' as const, respond: () => 'late, but said' } }));
    const whole = file;
    const running = await start();
    await running.store.controls.pause({ scope: 'all' });
    chatwoot.contactSends(1, 'hola');
    await chatwoot.settled();
    file = fileOf(channel('other'));
    expect(await running.reload.now('request')).toMatchObject({ kind: 'reloaded', change: { channels: { added: ['chn_other'], removed: ['chn_shop'] } } });
    await running.store.controls.resume({ scope: 'all' });
    await expect.poll(() => running.store.lanes.counts(), { timeout: 10_000 }).toMatchObject({ ready: 0, held: 0, parked: 1 });
    expect([replies(1), (await running.store.deadLetters.stats()).total]).toEqual([[], 0]);
    file = whole;
    await running.reload.now('request');
    await answered(1);
    expect(replies(1)).toEqual(['late, but said']);
  }, 30_000);

  it('one that cannot be made leaves everything as it was', async () => {
    file = fileOf(channel('shop'));
    const running = await start();
    file = fileOf(channel('new'), channel('shop', { maxPartLength: 10 }));
    expect(await running.reload.now('request')).toMatchObject({ kind: 'refused', why: expect.stringContaining('maxPartLength') });
    expect(running.reload.refusal()).toContain('maxPartLength');
    chatwoot.contactSends(1, 'hola');
    await answered(1);
  }, 30_000);
});

describe('a channel or a kind of jobs that nobody knows', () => {
  const STORED_AT = 1_800_000_000_000;
  const config = (id: string) => resolveConfig({ env: { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent' }, file: { name: 'f', value: { orgs: [{ id: 'acme', channels: [{ kind: 'playground', id }] }] } } });

  async function storeOne(): Promise<void> {
    const api = await buildApp(config('old'), { role: 'api', clock: manualClock(STORED_AT) });
    const answer = await fetch(`${await api.start()}/webhooks/playground/chn_old`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"conversation":"c","text":"hi","id":"1"}' });
    expect(answer.status).toBe(200);
    await api.stop();
  }

  async function storeJob(): Promise<void> {
    const api = await buildApp(config('old'), { role: 'api', clock: manualClock(STORED_AT) });
    await api.store.mailbox.addJob({ kind: 'new', payload: 1, orgId: 'org_acme' as OrgId, laneId: 'lane_1' as LaneId });
    await api.stop();
  }

  async function lookAfter(ms: number): Promise<{ dead: number; reason: string[]; parked: number }> {
    const clock = manualClock(STORED_AT + ms);
    app = await buildApp(config('new'), { clock });
    await app.start();
    await app.working();
    await clock.advance(2_500);
    const [{ total, byReason }, { parked }] = [await app.store.deadLetters.stats(), await app.store.lanes.counts()];
    return { dead: total, reason: Object.keys(byReason), parked };
  }

  it.each([['messages', storeOne], ['jobs', storeJob]])('has %s that wait at first', async (_, store) => {
    await store();
    expect(await lookAfter(60_000)).toEqual({ dead: 0, reason: [], parked: 1 });
  });

  it.each([['messages', storeOne], ['jobs', storeJob]])('has %s that are dead after three minutes', async (_, store) => {
    await store();
    expect(await lookAfter(180_000)).toEqual({ dead: 1, reason: ['unroutable'], parked: 0 });
  });
});
