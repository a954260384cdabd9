import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createInspect } from '../../src/app/inspect.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const program = redisProgram();
const bin = postgresBin();

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function redisServer(): Promise<TestRedis> {
  const redis = await startRedis(program as string);
  closers.push(() => redis.stop());
  return redis;
}

/** `chasqui doctor --infra`, as it is typed. */
async function infra(env: Record<string, string>): Promise<{ code: number; lines: string[]; ms: number }> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--no-warnings', MAIN, 'doctor', '--infra'], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (piece: Buffer) => void (text += piece.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, lines: text.trim().split('\n'), ms: performance.now() - startedAt };
}

const states = (lines: string[]): string[] => lines.map((line) => line.trim().split(/\s+/).slice(0, 3).join(' '));

describe('chasqui doctor --infra', () => {
  it('with nothing configured tries memory and SQLite', async () => {
    const { code, lines } = await infra({});
    expect(states(lines)).toEqual(['ok limits memory:', 'ok duplicates memory:', 'ok governor memory:', 'ok dlq SQLite']);
    expect(code).toBe(0);
  }, 30_000);

  it.skipIf(!program)('tries Redis, and leaves no key behind', async () => {
    const redis = await redisServer();
    const { code, lines } = await infra({ REDIS_URL: redis.url });
    expect(states(lines)).toEqual(['ok limits Redis:', 'ok duplicates Redis:', 'ok governor Redis:', 'ok dlq SQLite']);
    expect(code).toBe(0);
    expect(await redis.command('DBSIZE')).toBe(':0');
  }, 30_000);

  it.skipIf(!program)('a Redis that hangs fails, and soon', async () => {
    const redis = await redisServer();
    redis.freeze();
    const { code, lines, ms } = await infra({ REDIS_URL: redis.url });
    redis.thaw();
    expect(code).toBe(1);
    expect(lines.filter((line) => line.startsWith('fail')).length).toBeGreaterThanOrEqual(3);
    expect(ms).toBeLessThan(20_000);
  }, 40_000);

  it.skipIf(!program)('a Redis that hangs in the middle fails in its time', async () => {
    const redis = await redisServer();
    const { selfTest } = createInspect(systemClock);
    // Connected, and silent from then on: PING is answered, scripts are not.
    await redis.command('CLIENT PAUSE 60000 WRITE');
    const results = await selfTest({ redisUrl: redis.url, redisPort: 0, redisKeyPrefix: 'chasqui', databasePooled: false });
    expect(results.map(({ check, state }) => `${check} ${state}`)).toEqual(['limits fail', 'duplicates fail', 'governor fail', 'cleanup fail', 'dlq ok']);
  }, 40_000);

  it.skipIf(!bin)('tries PostgreSQL, and leaves no schema behind', async () => {
    const server = await startPostgres(bin as string);
    closers.push(() => server.stop());
    // It listens before it lets anybody in.
    await vi.waitUntil(() => createInspect(systemClock).database(server.url).then(() => true, () => false), { timeout: 20_000 });
    const { code, lines } = await infra({ DATABASE_URL: server.url });
    expect(states(lines)).toEqual(['ok limits PostgreSQL:', 'ok duplicates PostgreSQL:', 'ok governor PostgreSQL:', 'ok dlq PostgreSQL:']);
    expect(code).toBe(0);
    const { openQueries } = await import('../../src/stores/postgres/queries.ts');
    const queries = openQueries({ url: server.url, pooled: false, connections: 1, timeoutMs: 5_000 });
    const { rows } = await queries.query(`select nspname from pg_namespace where nspname like '%self_test%'`);
    await queries.close();
    expect(rows).toEqual([]);
  }, 60_000);
});
