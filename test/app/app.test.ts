import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app/index.ts';
import type { App, Parts } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { ConfigError } from '../../src/domain/errors.ts';
import type { Channel } from '../../src/ports/channel.ts';

let dataDir = '';
const open: App[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'chasqui-app-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.stop()));
  rmSync(dataDir, { recursive: true, force: true });
});

async function build(env: Record<string, string> = {}, parts: Parts = {}): Promise<App> {
  const app = await buildApp(resolveConfig({ env: { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent', BURST_DEBOUNCE_MS: '0', ...env } }), parts);
  open.push(app);
  return app;
}

async function post(address: string | null, text: string, id: string): Promise<string> {
  const body = JSON.stringify({ conversation: 'demo', text, id });
  const response = await fetch(`${address}/webhooks/playground`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  expect(response.status).toBe(200);
  return ((await response.json()) as { messageIds: string[] }).messageIds[0] as string;
}

interface Journey {
  ending: { kind: string } | string | null;
}

async function endingOf(address: string | null, id: string): Promise<string> {
  const response = await fetch(`${address}/v1/messages/${id}`);
  expect(response.status).toBe(200);
  return JSON.stringify(((await response.json()) as Journey).ending);
}

describe('a whole Chasqui', () => {
  it('answers a message, and tells its journey', async () => {
    const app = await build({ USE_ASYNC_WEBHOOK: 'false' });
    const address = await app.start();
    await app.working();
    // With USE_ASYNC_WEBHOOK=false the request is answered after the message has ended.
    const id = await post(address, 'hola', '1');
    expect(await endingOf(address, id)).toContain('answered');
  });

  it('lets tests put parts in place of others', async () => {
    const sent: string[] = [];
    const recorded = (channel: Channel): Channel => ({
      ...channel,
      send: (part, signal) => {
        sent.push(part.text);
        return channel.send(part, signal);
      },
    });
    const app = await build({ USE_ASYNC_WEBHOOK: 'false' }, { channel: recorded, responder: () => ({ name: 'fixed', respond: async () => ({ text: 'seen' }) }) });
    const address = await app.start();
    await app.working();
    await post(address, 'hello', '1');
    expect(sent).toEqual(['seen']);
  });

  it('accepts without working in role api, and the work is done after a restart', async () => {
    const api = await build({}, { role: 'api' });
    const id = await post(await api.start(), 'hello', '1');
    expect(api.engine).toBeNull();
    expect((await api.store.reports.message(id as never))?.ending).toBeNull();
    expect(await api.stop()).toBe('clean');
    const all = await build({ USE_ASYNC_WEBHOOK: 'false' });
    const address = await all.start();
    await all.working();
    // Ends after the earlier message of its conversation.
    await post(address, 'and again', '2');
    expect(await endingOf(address, id)).toContain('answered');
  });

  it('says 503 on /readyz while it drains, still serving', async () => {
    const app = await build({ DRAIN_DELAY_MS: '300' });
    const address = await app.start();
    expect((await fetch(`${address}/readyz`)).status).toBe(200);
    const stopping = app.stop();
    expect((await fetch(`${address}/readyz`)).status).toBe(503);
    expect((await fetch(`${address}/livez`)).status).toBe(200);
    expect(await stopping).toBe('clean');
    await expect(fetch(`${address}/livez`)).rejects.toThrow();
  });

  it('shows its shutdown handlers in order', async () => {
    const app = await build();
    const address = await app.start();
    const health = (await (await fetch(`${address}/health/resilience`)).json()) as { shutdownHandlers: unknown; initialized: boolean };
    expect(health.initialized).toBe(true);
    expect(health.shutdownHandlers).toEqual([{ name: 'localQueue', priority: 10 }, { name: 'http', priority: 1 }, { name: 'store', priority: 0 }]);
  });

  it('a taken port is refused with the port and the fix, and everything is given back', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const port = String((other.address() as AddressInfo).port);
    const app = await build({ PORT: port });
    const failure = await app.start().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConfigError);
    expect((failure as Error).message).toContain(port);
    await new Promise((resolve) => other.close(resolve));
    const again = await build();
    expect(await again.start()).toContain('http://');
  });
});

describe('work begins after the first look at what was missed', () => {
  const chatwoot = { CHATWOOT_BASE_URL: 'http://127.0.0.1:9', CHATWOOT_ACCOUNT_ID: '1', CHATWOOT_API_TOKEN: 't', CHATWOOT_WEBHOOK_SECRET: 's', CHATWOOT_READ_TOKEN: 'r' };

  it('while HTTP serves already', async () => {
    const looked = Promise.withResolvers<void>();
    const looking = Promise.withResolvers<void>();
    const slow = (channel: Channel): Channel => ({
      ...channel,
      examine: async () => Promise.reject(new Error('not asked')),
      async *active() {
        looking.resolve();
        await looked.promise;
      },
    });
    const app = await build(chatwoot, { channel: slow });
    const address = await app.start();
    await looking.promise;
    let isWorking = false;
    const working = app.working().then(() => (isWorking = true));
    expect((await fetch(`${address}/readyz`)).status).toBe(200);
    expect(isWorking).toBe(false);
    looked.resolve();
    await working;
    expect(isWorking).toBe(true);
  });
});
