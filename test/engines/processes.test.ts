import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildApp } from '../../src/app/index.ts';
import type { App } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { freePort } from '../support/daemon.ts';
import { postgresBin, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';

const bin = postgresBin();
const program = redisProgram();
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

interface Worker {
  child: ChildProcess;
  /** Where its wake-ups come from; null while it does not answer. */
  mode(): Promise<string | null>;
}

describe.skipIf(bin === null || program === null)('API and workers apart, on PostgreSQL and Redis', () => {
  let postgres: TestPostgres;
  let redis: TestRedis;
  let chatwoot: ChatwootSim;
  let api: App;
  const workers: Worker[] = [];

  const env = () => ({
    ...chatwoot.env(), DATABASE_URL: postgres.url, REDIS_URL: redis.url, REDIS_TIMEOUT_MS: '300', LOG_LEVEL: 'silent', BURST_DEBOUNCE_MS: '20',
    LANE_LEASE_MS: '3000', STORE_TIMEOUT_MS: '2000', SWEEP_INTERVAL_MS: '500', SHUTDOWN_TIMEOUT_MS: '5000',
  });

  async function hire(): Promise<Worker> {
    const port = await freePort();
    const child = spawn(process.execPath, ['--no-warnings', MAIN, 'worker'], { env: { PATH: process.env.PATH, ...env(), WORKER_PORT: String(port) }, stdio: 'ignore' });
    const mode = async (): Promise<string | null> => {
      const answer = await fetch(`http://127.0.0.1:${port}/health/resilience`).catch(() => null);
      return answer ? ((await answer.json()) as { engine: { mode: string } | null }).engine?.mode ?? null : null;
    };
    const worker = { child, mode };
    workers.push(worker);
    await vi.waitFor(async () => expect(await mode()).toBe('bullmq'), 20_000);
    return worker;
  }

  const replies = (conversation: number): string[] => chatwoot.ledger.botMessages.filter((each) => each.conversation === conversation).map((each) => each.content);
  const allReplied = (from: number, to: number) =>
    expect.poll(() => Array.from({ length: to - from }, (_, n) => replies(from + n).length), { timeout: 15_000, interval: 20 }).toEqual(Array.from({ length: to - from }, () => 1));

  function talk(from: number, to: number): void {
    for (let n = from; n < to; n++) chatwoot.contactSends(n, `hola ${n}`);
  }

  beforeAll(async () => {
    [postgres, redis, chatwoot] = await Promise.all([startPostgres(bin as string), startRedis(program as string), startChatwoot({ limits: 'off' })]);
    api = await buildApp(resolveConfig({ env: { ...env(), APP_MODE: 'api', PORT: '0' } }));
    chatwoot.setWebhookUrl(`${await api.start()}/chatwoot/webhook`);
    await hire();
    await hire();
  }, 90_000);

  afterAll(async () => {
    for (const { child } of workers) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await api.stop();
    await chatwoot.close();
    await redis.stop();
    await postgres.stop();
  }, 60_000);

  it('what one stores, the others answer, woken through Redis', async () => {
    talk(1, 21);
    await allReplied(1, 21);
    expect(await api.operate.engine.view()).toMatchObject({ mode: 'bullmq', settled: true, gap: 0, processes: expect.arrayContaining([expect.objectContaining({ role: 'api' }), expect.objectContaining({ role: 'worker' })]) as unknown });
  }, 60_000);

  it('Redis dies and comes back: nothing is lost or said twice, and the workers are back within 3 s', async () => {
    talk(100, 110);
    await redis.down();
    talk(110, 130);
    await allReplied(100, 130);
    await redis.up();
    const backAt = performance.now();
    for (const { mode } of workers) await expect.poll(mode, { timeout: 3_000 }).toBe('bullmq');
    expect(performance.now() - backAt).toBeLessThan(3_000);
    talk(130, 140);
    await allReplied(130, 140);
  }, 60_000);

  it('Redis frozen, then emptied', async () => {
    redis.freeze();
    talk(200, 220);
    await allReplied(200, 220);
    redis.thaw();
    for (const { mode } of workers) await expect.poll(mode, { timeout: 3_000 }).toBe('bullmq');
    talk(220, 230);
    await redis.command('FLUSHALL');
    talk(230, 240);
    await allReplied(220, 240);
  }, 60_000);

  it('a worker is killed with work in hand: the other takes over', async () => {
    const victim = workers[0] as Worker;
    talk(300, 330);
    await expect.poll(() => replies(300).length + replies(301).length + replies(302).length, { timeout: 10_000, interval: 5 }).toBeGreaterThan(0);
    victim.child.kill('SIGKILL');
    await once(victim.child, 'exit');
    workers.shift();
    await allReplied(300, 330);
  }, 60_000);

  it('a rolling stop ends cleanly and loses nothing', async () => {
    const old = workers[0] as Worker;
    await hire();
    talk(400, 430);
    old.child.kill('SIGTERM');
    const [code] = (await once(old.child, 'exit')) as [number | null];
    workers.shift();
    expect(code).toBe(0);
    await allReplied(400, 430);
  }, 60_000);
});
