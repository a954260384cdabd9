import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../src/app/index.ts';
import type { App } from '../../src/app/index.ts';
import { runCli } from '../../src/cli/index.ts';
import type { CliDeps } from '../../src/cli/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';

const program = redisProgram();

describe.skipIf(program === null)('chasqui migrate-engine', () => {
  let redis: TestRedis;
  let app: App;
  let address: string;
  let dataDir: string;
  let sent = 0;

  beforeAll(async () => {
    redis = await startRedis(program as string);
    dataDir = await mkdtemp(join(tmpdir(), 'chasqui-migrate-'));
    app = await buildApp(resolveConfig({ env: { PORT: '0', DATA_DIR: dataDir, REDIS_URL: redis.url, BURST_DEBOUNCE_MS: '0', GOVERNOR_RATE_LIMIT_ENABLED: 'false', LOG_LEVEL: 'silent' } }));
    address = (await app.start()) as string;
    await app.working();
    await vi.waitFor(() => expect(app.engine?.stats().mode).toBe('bullmq'), 5_000);
  }, 30_000);

  afterAll(async () => {
    await app.stop();
    await redis.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function migrate(...args: string[]): Promise<{ lines: string[]; exitCode: number; message: string | null }> {
    const lines: string[] = [];
    const deps = { print: (line: string) => void lines.push(line) } as CliDeps;
    return { lines, ...(await runCli(['migrate-engine', '--url', address, ...args], deps)) };
  }

  async function say(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const body = JSON.stringify({ conversation: `c${n % 7}`, id: `m${++sent}`, text: `hola ${sent}` });
      expect((await fetch(`${address}/webhooks/playground`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status).toBe(200);
    }
  }

  const answered = () => expect.poll(async () => (await app.store.reports.counts()).completed, { timeout: 10_000 }).toBe(sent);

  it('shows where it is, in words and as JSON', async () => {
    const { lines, exitCode } = await migrate();
    expect(exitCode).toBe(0);
    expect(lines.join('\n')).toMatch(/engine +bullmq \(by the settings\)[\s\S]*processes +all .*: bullmq[\s\S]*0 ready lanes without a wake-up/);
    const view = JSON.parse((await migrate('--json')).lines.join('')) as object;
    expect(view).toMatchObject({ ok: true, decided: null, mode: 'bullmq', settled: true, gap: 0, wakeups: { waiting: 0, active: 0 }, processes: [{ role: 'all', mode: 'bullmq' }] });
  });

  it('moves there and back while messages come, and every one is answered once', async () => {
    for (const to of ['both', 'local', 'both', 'bullmq'] as const) {
      const talking = say(15);
      const { lines, exitCode, message } = await migrate('--to', to, '--wait');
      expect({ exitCode, message }).toEqual({ exitCode: 0, message: null });
      expect(lines[0]).toMatch(new RegExp(`^moved from \\w+ to ${to}`));
      expect(app.engine?.stats().mode).toBe(to);
      await talking;
      await answered();
    }
    expect((await migrate('--to', 'bullmq')).lines[0]).toBe('the engine is bullmq already');
  }, 60_000);

  it('refuses the way from local straight to bullmq, unless forced', async () => {
    await migrate('--to', 'local');
    const refused = await migrate('--to', 'bullmq');
    expect(refused.exitCode).toBe(1);
    expect(refused.message).toContain('`both` first');
    expect(await app.store.controls.engineMode()).toBe('local');
    expect((await migrate('--to', 'bullmq', '--force')).exitCode).toBe(0);
    await say(7);
    await answered();
  }, 30_000);

  it('outlives a restart, and needs Redis', async () => {
    await migrate('--to', 'both');
    expect(await app.store.controls.engineMode()).toBe('both');
    await redis.down();
    await expect.poll(() => app.engine?.stats().mode).toBe('local');
    const { lines } = await migrate();
    expect(lines.join('\n')).toMatch(/engine +both[\s\S]*processes +unknown[\s\S]*wake-ups +unknown/);
    await redis.up();
    await expect.poll(() => app.engine?.stats().mode, { timeout: 3_000 }).toBe('both');
  }, 30_000);
});
