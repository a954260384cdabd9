import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import type { LimitAsk } from '../../src/domain/limit.ts';
import { openPostgresLimiter } from '../../src/limiters/postgres/index.ts';
import type { Limiter } from '../../src/ports/limiter.ts';
import { limiterSuite } from '../conformance/limiter.suite.ts';
import { manualClock } from '../support/manual-clock.ts';
import { pgBouncerProgram, startPgBouncer, type TestPgBouncer } from '../support/pgbouncer.ts';
import { postgresBin, startPostgres, type TestPostgres } from '../support/postgres.ts';

const bin = postgresBin();
const bouncerProgram = bin ? pgBouncerProgram() : null;
/** Longer than any busy moment of a machine that runs other tests, too. */
const timeoutMs = 10_000;
const ask = (org: string, key: string, limit = 10): LimitAsk => ({ org, rules: [{ name: 'conversation', key, limit, windowMs: 60_000 }] });

/** A server that is stopped takes its connections with it. */
function poolOf(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 4 });
  pool.on('error', () => {});
  pool.on('connect', (client) => void client.on('error', () => {}));
  return pool;
}

describe.skipIf(!bin)('the limiter in PostgreSQL', () => {
  let server: TestPostgres;
  let pool: pg.Pool;
  let limiter: Limiter;

  beforeAll(async () => {
    server = await startPostgres(bin ?? '');
    pool = poolOf(server.url);
    while (!(await pool.query('select 1').catch(() => null))) await wait(20);
    limiter = await openPostgresLimiter({ database: pool, clock: systemClock, timeoutMs });
  });
  afterAll(async () => {
    await limiter?.close();
    await pool?.end();
    await server?.stop();
  });

  limiterSuite(() => ({ limiter, decisions: 10_000 }));

  it('is made once by many processes that start at the same time, in a schema of its own', async () => {
    const opened = await Promise.all([1, 2, 3, 4].map(() => openPostgresLimiter({ database: pool, clock: systemClock, schema: 'other', timeoutMs })));
    const decisions = await Promise.all(opened.flatMap((each) => Array.from({ length: 5 }, () => each.check(ask('o', 'c')))));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(10);
    await expect(openPostgresLimiter({ database: pool, clock: systemClock, schema: 'x; drop', timeoutMs })).rejects.toThrow(/schema must be/);
  });

  it('does not deadlock when processes ask for the same keys in different orders, and lets no more through than the limit', async () => {
    const others = await Promise.all([1, 2, 3].map(() => openPostgresLimiter({ database: pool, clock: systemClock, timeoutMs })));
    const names = ['a', 'b', 'c', 'd', 'e'];
    const rules = (n: number) => names.map((_, i) => ({ name: names[(i + n) % names.length] as string, key: 'k', limit: 100, windowMs: 60_000 }));
    const decisions = await Promise.all(Array.from({ length: 300 }, (_, n) => (others[n % 3] as Limiter).check({ org: 'crossed', rules: rules(n) })));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(100);
  });

  it('deletes what is of no more use as it goes', async () => {
    const clock = manualClock();
    const own = await openPostgresLimiter({ database: pool, clock, schema: 'pruned', timeoutMs });
    await Promise.all(Array.from({ length: 6000 }, (_, n) => own.check(ask('o', `k${n}`), 1000)));
    await clock.advance(30_000);
    await own.check(ask('o', 'last'));
    await vi.waitFor(async () => {
      const { rows } = await pool.query('select count(*)::int as left from pruned.rate');
      expect(rows[0].left).toBe(1);
    }, { timeout: 5000 });
    await own.close();
  });

  it('spends one statement on a flood of denied decisions', async () => {
    let statements = 0;
    const counting = { query: (text: string, values?: unknown[]) => (statements++, pool.query(text, values)) };
    const own = await openPostgresLimiter({ database: counting, clock: systemClock, timeoutMs });
    for (let n = 0; n < 10; n++) await own.check(ask('flood', 'c'));
    statements = 0;
    const decisions = await Promise.all(Array.from({ length: 20_000 }, () => own.check(ask('flood', 'c'))));
    expect(decisions.some(({ allowed }) => allowed)).toBe(false);
    expect(statements).toBeLessThanOrEqual(2);
  });

  describe.skipIf(!bouncerProgram)('behind a pooler in transaction mode', () => {
    let bouncer: TestPgBouncer;
    let pooled: pg.Pool;
    let own: Limiter;
    beforeAll(async () => {
      bouncer = await startPgBouncer(bouncerProgram ?? '', server);
      pooled = poolOf(bouncer.url);
      own = await openPostgresLimiter({ database: pooled, clock: systemClock, schema: 'pooled', timeoutMs });
    });
    afterAll(async () => {
      await own?.close();
      await pooled?.end();
      await bouncer?.stop();
    });
    limiterSuite(() => ({ limiter: own, decisions: 2000 }));
  });
});
