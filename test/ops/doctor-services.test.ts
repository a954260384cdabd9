import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createInspect } from '../../src/app/inspect.ts';
import { checkServices } from '../../src/cli/doctor/services.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/domain/clock.ts';
import type { DatabaseFacts, Inspect } from '../../src/ports/inspect.ts';
import { freePort } from '../support/daemon.ts';
import { pgBouncerProgram, startPgBouncer } from '../support/pgbouncer.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { redisProgram, startRedis } from '../support/redis.ts';

const real = createInspect(systemClock);
const examine = async (env: Record<string, string>, inspect: Inspect = real): Promise<Finding[]> => (await checkServices(resolveConfig({ env }).settings, inspect)).findings;
const states = (findings: Finding[]): string[] => findings.map(({ state }) => state);

const bin = postgresBin();
describe.skipIf(bin === null)('PostgreSQL', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(bin as string);
    // It listens before it lets anybody in.
    await vi.waitUntil(() => real.database(postgres.url).then(({ connections }) => connections.used === 1, () => false), { timeout: 20_000 });
  }, 60_000);
  afterAll(() => postgres.stop());

  it('is well: version, latency, connections and clock', async () => {
    const facts = await real.database(postgres.url);
    expect(facts).toMatchObject({ isPooled: false, isReadOnly: false, fsync: true, synchronousCommit: 'on', mayCreate: true, connections: { used: 1 } });
    expect(facts.version).toBeGreaterThanOrEqual(140_000);
    expect(facts.latencyMs).toBeGreaterThan(0);
    expect(Math.abs(facts.skewMs)).toBeLessThan(1_000);
    const findings = await examine({ DATABASE_URL: postgres.url });
    expect(states(findings)).toEqual(['ok']);
    expect(findings[0]?.detail).toMatch(/^PostgreSQL \d+\.\d+, [\d.]+ ms, 1 of \d+ connections, clock -?\d+ ms from ours$/);
  });

  it('a wrong password or database fails, and the address is not shown', async () => {
    const url = new URL(postgres.url);
    url.pathname = '/nowhere';
    url.password = 'pass-word';
    const findings = await examine({ DATABASE_URL: url.href });
    expect(findings).toMatchObject([{ check: 'database', state: 'fail', detail: expect.stringContaining('3D000') }]);
    expect(JSON.stringify(findings)).not.toContain('pass-word');
  });

  it('nobody there fails', async () => {
    expect(await examine({ DATABASE_URL: `postgres://u:pass-word@127.0.0.1:${await freePort()}/d` })).toMatchObject([{ state: 'fail', detail: expect.stringContaining('ECONNREFUSED') }]);
  });

  it('too few connections is a warning', async () => {
    const findings = await examine({ DATABASE_URL: postgres.url, DATABASE_CONNECTIONS: '100' });
    expect(findings).toMatchObject([{ state: 'ok' }, { state: 'warn', fix: expect.stringContaining('max_connections') }]);
  });

  it('DATABASE_POOLED without a pooler is a warning', async () => {
    expect(await examine({ DATABASE_URL: postgres.url, DATABASE_POOLED: 'true' })).toMatchObject([{ state: 'ok' }, { state: 'warn', detail: expect.stringContaining('no pooler') }]);
  });

  const bouncer = pgBouncerProgram();
  it.skipIf(bouncer === null)('a pooler is noticed', async () => {
    const pooler = await startPgBouncer(bouncer as string, postgres);
    try {
      expect(await examine({ DATABASE_URL: pooler.url })).toMatchObject([{ state: 'ok' }, { state: 'warn', fix: expect.stringContaining('DATABASE_POOLED=true') }]);
      expect(states(await examine({ DATABASE_URL: pooler.url, DATABASE_POOLED: 'true' }))).toEqual(['ok']);
    } finally {
      await pooler.stop();
    }
  }, 30_000);
});

describe('what PostgreSQL says of itself', () => {
  const WELL: DatabaseFacts = { version: 150_018, latencyMs: 1, skewMs: 0, connections: { used: 3, most: 97 }, isPooled: false, isReadOnly: false, fsync: true, synchronousCommit: 'on', mayCreate: true };
  const judged = (facts: Partial<DatabaseFacts>) => examine({ DATABASE_URL: 'postgres://h/d' }, { ...real, database: async () => ({ ...WELL, ...facts }) });

  it.each<[Partial<DatabaseFacts>, string[]]>([
    [{}, ['ok']],
    [{ version: 130_012 }, ['fail']],
    [{ isReadOnly: true }, ['fail']],
    [{ mayCreate: false }, ['fail']],
    [{ fsync: false }, ['ok', 'warn']],
    [{ synchronousCommit: 'off' }, ['ok', 'warn']],
    [{ latencyMs: 60 }, ['ok', 'warn']],
    [{ connections: { used: 95, most: 97 } }, ['ok', 'warn']],
  ])('%j', async (facts, expected) => {
    expect(states(await judged(facts))).toEqual(expected);
  });

  it('its clock is compared with ours', async () => {
    const { skews } = await checkServices(resolveConfig({ env: { DATABASE_URL: 'postgres://h/d' } }).settings, { ...real, database: async () => ({ ...WELL, skewMs: -7_000 }) });
    expect(skews).toEqual([-7_000]);
  });
});

const program = redisProgram();
describe.skipIf(program === null)('Redis', () => {
  it('is well with an append-only file and the policy that keeps everything', async () => {
    const redis = await startRedis(program as string);
    try {
      const findings = await examine({ REDIS_URL: redis.url });
      expect(findings).toMatchObject([{ check: 'redis', state: 'ok', detail: expect.stringMatching(/^Redis \d.*noeviction, append-only file synced everysec$/) }]);
    } finally {
      await redis.stop();
    }
  }, 30_000);

  it('is warned of when it would throw wake-ups away', async () => {
    const redis = await startRedis(program as string, [['appendonly', 'no'], ['maxmemory-policy', 'allkeys-lru']]);
    try {
      expect(states(await examine({ REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port) }))).toEqual(['ok', 'warn', 'warn']);
    } finally {
      await redis.stop();
    }
  }, 30_000);

  it('out of reach is a warning, since the store does without it, and its address is not shown', async () => {
    const findings = await examine({ REDIS_URL: `redis://:pass-word@127.0.0.1:${await freePort()}` });
    expect(findings).toMatchObject([{ state: 'warn', detail: expect.stringContaining('through the store instead') }]);
    expect(JSON.stringify(findings)).not.toContain('pass-word');
  });
});

it('nothing is asked where nothing is configured', async () => {
  const never = (): Promise<never> => Promise.reject(new Error('asked'));
  expect(await examine({}, { database: never, redis: never, selfTest: never })).toEqual([]);
});
