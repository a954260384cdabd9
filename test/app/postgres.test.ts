import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app/index.ts';
import type { App } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';

const bin = postgresBin();

describe.skipIf(bin === null)('API and worker apart, on PostgreSQL', () => {
  let postgres: TestPostgres;
  let chatwoot: ChatwootSim;
  let apps: App[] = [];

  async function start(mode: 'api' | 'worker'): Promise<App> {
    const env = { ...chatwoot.env(), DATABASE_URL: postgres.url, APP_MODE: mode, PORT: '0', LOG_LEVEL: 'silent', BURST_DEBOUNCE_MS: '20', SWEEP_INTERVAL_MS: '60000' };
    const app = await buildApp(resolveConfig({ env }));
    apps.push(app);
    const address = await app.start();
    if (address) chatwoot.setWebhookUrl(`${address}/chatwoot/webhook`);
    return app;
  }

  const replies = (conversation: number): string[] => chatwoot.ledger.botMessages.filter((each) => each.conversation === conversation).map((each) => each.content);
  const replied = (conversation: number, count: number) => expect.poll(() => replies(conversation).length, { timeout: 15_000 }).toBe(count);

  beforeAll(async () => {
    postgres = await startPostgres(bin as string);
    chatwoot = await startChatwoot({ limits: 'off' });
  }, 60_000);

  afterAll(async () => {
    await Promise.all(apps.map((app) => app.stop()));
    await chatwoot.close();
    await postgres.stop();
  }, 60_000);

  it('what one stores, the other answers, woken across processes; and a worker that comes later finds what waited', async () => {
    await start('api');
    const worker = await start('worker');
    await worker.working();
    chatwoot.contactSends(1, 'hola');
    await replied(1, 1);
    await worker.stop();
    apps = apps.filter((app) => app !== worker);
    chatwoot.contactSends(2, 'hola');
    await chatwoot.settled();
    expect(replies(2)).toEqual([]);
    await start('worker');
    await replied(2, 1);
    expect(replies(1)).toHaveLength(1);
  }, 60_000);
});
