import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../src/app/index.ts';
import type { App } from '../../src/app/index.ts';
import { runCli } from '../../src/cli/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { freePort } from '../support/daemon.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';

const bin = postgresBin();
const CHATWOOT = { CHATWOOT_BASE_URL: 'http://127.0.0.1:9', CHATWOOT_ACCOUNT_ID: '1', CHATWOOT_API_TOKEN: 't', CHATWOOT_WEBHOOK_SECRET: 's' };

async function healthcheck(env: Record<string, string>): Promise<{ exitCode: number; text: string }> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const printed: string[] = [];
  const { exitCode, message } = await runCli(['healthcheck'], { run: async () => undefined, inspect: () => Promise.reject(new Error('not asked')), print: (line) => void printed.push(line) });
  vi.unstubAllEnvs();
  return { exitCode, text: message ?? printed.join('\n') };
}

describe.skipIf(bin === null)('a worker of its own', () => {
  let postgres: TestPostgres;
  let app: App;
  let env: Record<string, string>;
  let address = '';

  beforeAll(async () => {
    postgres = await startPostgres(bin as string);
    env = { ...CHATWOOT, DATABASE_URL: postgres.url, APP_MODE: 'worker', WORKER_PORT: String(await freePort()), LOG_LEVEL: 'silent' };
    app = await buildApp(resolveConfig({ env }));
    address = (await app.start()) as string;
  }, 60_000);
  afterAll(async () => {
    await app.stop();
    await postgres.stop();
  }, 60_000);

  it('answers its probes and its metrics at WORKER_PORT', async () => {
    expect(new URL(address).port).toBe(env.WORKER_PORT);
    for (const path of ['/livez', '/readyz', '/startupz', '/health', '/health/resilience', '/metrics', '/metrics/prometheus']) {
      expect([path, (await fetch(address + path)).status]).toEqual([path, 200]);
    }
    expect((await (await fetch(`${address}/health/resilience`)).json()) as object).toMatchObject({ queue: { concurrency: 3 } });
  });

  it('and nothing else', async () => {
    for (const [method, path] of [['POST', '/webhooks/chatwoot'], ['POST', '/chatwoot/webhook'], ['GET', '/admin/dlq'], ['GET', '/v1/config'], ['POST', '/v1/config/reload'], ['GET', '/openapi.json'], ['GET', '/']] as const) {
      expect([path, (await fetch(address + path, { method })).status]).toEqual([path, 404]);
    }
  });

  it('is found healthy by the health check of its container, and not after its end', async () => {
    expect(await healthcheck(env)).toEqual({ exitCode: 0, text: expect.stringContaining('answers 200') });
    const other = { ...env, WORKER_PORT: String(await freePort()) };
    expect(await healthcheck(other)).toEqual({ exitCode: 1, text: expect.stringContaining('does not answer') });
  });

  it('without WORKER_PORT serves nothing, and the health check says so instead of asking somebody else', async () => {
    const quiet = { ...env, WORKER_PORT: '' };
    const silent = await buildApp(resolveConfig({ env: quiet }));
    expect(await silent.start()).toBeNull();
    await silent.stop();
    expect(await healthcheck(quiet)).toEqual({ exitCode: 1, text: expect.stringContaining('set WORKER_PORT') });
  });
});
