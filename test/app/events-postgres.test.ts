import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app/index.ts';
import type { App } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import type { ConfigFile } from '../../src/config/index.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';

const bin = postgresBin();
const SOON = { timeout: 20_000 };

describe.skipIf(bin === null)('job events and operations, on PostgreSQL', () => {
  let postgres: TestPostgres;
  const open: App[] = [];
  beforeAll(async () => {
    postgres = await startPostgres(bin as string);
  }, 60_000);
  afterEach(() => Promise.all(open.splice(0).map((app) => app.stop())));
  afterAll(() => postgres.stop());

  async function start(mode: 'api' | 'worker', jobs: ConfigFile['jobs']) {
    const env = {
      DATABASE_URL: postgres.url, APP_MODE: mode, PORT: '0', LOG_LEVEL: 'silent', CATCH_UP_INTERVAL_MS: '86400000', QUEUE_RETRY_DELAY_MS: '1',
      CHATWOOT_BASE_URL: 'http://127.0.0.1:9', CHATWOOT_ACCOUNT_ID: '1', CHATWOOT_API_TOKEN: 'x', CHATWOOT_WEBHOOK_SECRET: 'x',
    };
    const app = await buildApp(resolveConfig({ env, file: { name: 'chasqui.config.ts', value: { jobs } } }));
    open.push(app);
    const address = await app.start();
    await app.working();
    return { app, address };
  }

  /** Reads a stream of events until its text matches. */
  async function read(address: string | null, until: RegExp, meanwhile: () => Promise<unknown>): Promise<string> {
    const stop = new AbortController();
    const response = await fetch(`${address}/v1/events`, { signal: stop.signal });
    let text = '';
    const reading = (async () => {
      for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk as Uint8Array);
    })().catch(() => undefined);
    // What is said before the first listener listens is not heard.
    while (!until.test(text)) {
      await meanwhile();
      await new Promise((resolve) => void setTimeout(resolve, 100));
    }
    stop.abort();
    await reading;
    return text;
  }

  it('what a worker does is streamed by the API', async () => {
    const jobs = { report: (job: { progress(done: number, total: number): void }) => job.progress(1, 2) };
    const api = await start('api', jobs);
    await start('worker', jobs);
    const text = await read(api.address, /event: completed/, () => api.app.addJob({ kind: 'report', payload: 'words of a person' }));
    expect(text).toMatch(/event: progress\ndata: .*"done":1,"total":2/);
    expect(text).toMatch(/"kind":"report"/);
    expect(text).not.toContain('words of a person');
  }, 60_000);

  it('retry-all asked of one process is ended by another, whichever is there', async () => {
    let fails = true;
    let runs = 0;
    const jobs = {
      once: () => {
        runs += 1;
        if (fails) throw new Error('not now');
      },
    };
    const worker = await start('worker', jobs);
    for (let n = 0; n < 20; n++) await worker.app.addJob({ kind: 'once', payload: n });
    await expect.poll(async () => (await worker.app.operate.deadLetters.stats()).counts.total, SOON).toBe(20);
    fails = false;
    runs = 0;
    const api = await start('api', jobs);
    const { operationId, total } = (await (await fetch(`${api.address}/admin/dlq/retry-all`, { method: 'POST' })).json()) as { operationId: string; total: number };
    expect(total).toBe(20);
    await api.app.stop();
    open.splice(open.indexOf(api.app), 1);
    await expect.poll(() => worker.app.operate.operations.get(operationId), SOON).toMatchObject({ state: 'completed', done: 20, failed: 0 });
    await expect.poll(() => runs, SOON).toBe(20);
  }, 60_000);
});
