import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIds } from '../../src/domain/ids.ts';
import type { LaneId, OrgId } from '../../src/domain/ids.ts';
import { legacyKey, legacyOf } from '../../src/domain/legacy-job.ts';
import type { LegacyStage } from '../../src/domain/legacy-job.ts';
import { openLegacyTable } from '../../src/stores/integration-job/index.ts';
import type { LegacyQueue } from '../../src/ports/legacy-queue.ts';
import { createLegacyBridge } from '../../src/upkeep/legacy-bridge.ts';
import { createRandom, createTestClock } from '../conformance/scene.ts';
import { createMemoryStore } from '../model/memory-store.ts';
import { fakeTelemetry } from '../operate/support.ts';
import { pgBouncerProgram, startPgBouncer } from '../support/pgbouncer.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { fill, TABLES } from './table.ts';

const bin = postgresBin();
const pooler = pgBouncerProgram();
const ORG = 'org_a' as OrgId;
let postgres: TestPostgres;
let db: pg.Pool;
const opened: LegacyQueue[] = [];

beforeAll(async () => {
  if (!bin) return;
  postgres = await startPostgres(bin);
  db = new pg.Pool({ connectionString: postgres.url, max: 3 });
  db.on('error', () => {});
  while (!(await db.query('select 1').then(() => true, () => false)));
}, 60_000);
afterAll(async () => {
  await db?.end();
  await postgres?.stop();
}, 60_000);
beforeEach(async () => {
  if (bin) await db.query(`drop table if exists integration_job, start, effect, other_job cascade; ${TABLES}`);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((queue) => queue.close()));
});

const table = (options: Partial<Parameters<typeof openLegacyTable>[0]> = {}): LegacyQueue => {
  const queue = openLegacyTable({ url: postgres.url, table: 'integration_job', ...options });
  opened.push(queue);
  return queue;
};
const statuses = async (): Promise<string[]> => ((await db.query('select status from integration_job order by id')).rows as { status: string }[]).map(({ status }) => status);
const set = (id: number, status: string): Promise<unknown> => db.query('update integration_job set status = $2 where id = $1', [id, status]);

function scene(stage: LegacyStage) {
  const clock = createTestClock();
  const newId = createIds(clock, createRandom(3));
  const store = createMemoryStore({ clock, newId });
  const queue = table();
  const woken: LaneId[] = [];
  const types: Record<string, { kind: string; stage: LegacyStage }> = { count: { kind: 'count', stage } };
  const bridge = createLegacyBridge({ queue, mailbox: store.mailbox, jobs: store.jobs, newId, telemetry: fakeTelemetry(), wake: (laneId) => void woken.push(laneId) }, { intervalMs: 1, orgId: ORG, types: () => types });
  const round = (): Promise<void> => bridge.runOnce(new AbortController().signal);
  const jobOf = async (id: number) => (await store.jobs.keyed([legacyKey(queue.source, String(id))]))[0];
  /** Runs what is open, to this end. */
  async function run(outcome: 'completed' | 'dead'): Promise<void> {
    const { claimed } = await store.mailbox.claim({ owner: 'w', limit: 100, leaseMs: 30_000, share: { now: 0, cap: 0, orgs: [] } });
    for (const { lease, open } of claimed) {
      const seqs = open.jobs.map(({ seq }) => seq);
      await store.mailbox.begin(lease, { seqs, maxAttempts: 3, maxCrashes: 3, history: 0 });
      await store.mailbox.complete(lease, { seqs, outcome: outcome === 'dead' ? { kind: 'dead', reason: 'crashed', error: 'x' } : { kind: 'completed' } });
      await store.mailbox.release(lease, { parkMs: 0 });
    }
  }
  return { store, queue, round, jobOf, run, woken, types };
}

describe.skipIf(bin === null)('the bridge to a table queue', () => {
  it('takes what is due, with its payload, and wakes its lanes', async () => {
    await fill(db, 3);
    await db.query(`update integration_job set run_at = now() + interval '1 hour' where id = 3`);
    const { round, store, woken, queue } = scene('chasqui');
    await round();
    expect(await statuses()).toEqual(['reserved_by_chasqui', 'reserved_by_chasqui', 'pending']);
    const { claimed } = await store.mailbox.claim({ owner: 'w', limit: 9, leaseMs: 30_000, share: { now: 0, cap: 0, orgs: [] } });
    expect(claimed.map(({ lease }) => lease.laneId).toSorted()).toEqual(woken.toSorted());
    const { payload } = await store.mailbox.begin(claimed[0]!.lease, { seqs: [1], maxAttempts: 3, maxCrashes: 3, history: 0 });
    expect(legacyOf(payload)).toEqual({ $legacy: { source: queue.source, id: '1' }, payload: { row: 1 } });
  });

  it('leaves the old workers their share in the stage both', async () => {
    await fill(db, 50);
    const { round, run, queue } = scene('both');
    await round();
    await round();
    expect((await statuses()).filter((status) => status === 'reserved_by_chasqui')).toHaveLength(20);
    await run('completed');
    for (let id = 1; id <= 5; id++) await queue.begin(String(id), 1);
    for (let id = 1; id <= 5; id++) await queue.end(String(id), 'completed');
    await round();
    expect((await statuses()).filter((status) => status === 'reserved_by_chasqui')).toHaveLength(20);
  });

  it('gives back what is not begun, when a type moves back or is no longer mapped', async () => {
    await fill(db, 3);
    const { round, types, queue } = scene('chasqui');
    await round();
    expect(await queue.begin('2', 1)).toBe('begun');
    types.count = { kind: 'count', stage: 'shadow' };
    await round();
    expect(await statuses()).toEqual(['pending', 'claimed_by_chasqui', 'pending']);
    expect(await queue.begin('1', 1)).toBe('pending');
    types.count = { kind: 'count', stage: 'chasqui' };
    await round();
    delete types.count;
    await round();
    expect(await statuses()).toEqual(['pending', 'claimed_by_chasqui', 'pending']);
  });

  it('adds the job of a row that was taken by a process that died before it could', async () => {
    await fill(db, 2);
    await set(1, 'reserved_by_chasqui');
    await set(2, 'claimed_by_chasqui');
    const { round, jobOf, woken } = scene('chasqui');
    await round();
    expect([(await jobOf(1))?.state, (await jobOf(2))?.state]).toEqual(['available', 'available']);
    await round();
    expect(woken).toHaveLength(2);
  });

  it.each([['completed', 'completed'], ['dead', 'failed_by_chasqui']] as const)('writes an end that was never written: %s', async (outcome, status) => {
    await fill(db, 1);
    const { round, run, queue } = scene('chasqui');
    await round();
    await queue.begin('1', 1);
    await run(outcome);
    await round();
    expect(await statuses()).toEqual([status]);
  });

  it('a job that was discarded by an operator has failed', async () => {
    await fill(db, 1);
    const { round, run, queue, jobOf, store } = scene('chasqui');
    await round();
    await queue.begin('1', 1);
    await run('dead');
    await store.deadLetters.discard((await jobOf(1))!.jobId);
    await round();
    expect(await statuses()).toEqual(['failed_by_chasqui']);
  });

  it('a row that was given back after its job had ended gets another job when it is taken again', async () => {
    await fill(db, 1);
    const { round, run, jobOf } = scene('chasqui');
    await round();
    const first = await jobOf(1);
    await run('completed');
    await set(1, 'pending');
    await round();
    expect(await jobOf(1)).toMatchObject({ state: 'available' });
    expect((await jobOf(1))?.jobId).not.toBe(first?.jobId);
  });
});

describe.skipIf(bin === null)('the table of a queue', () => {
  it('takes a row once, whoever asks at the same time, and passes over rows that somebody has locked', async () => {
    await fill(db, 60);
    const client = await db.connect();
    await client.query('begin; select * from integration_job where id <= 10 for update');
    const all = await Promise.all(Array.from({ length: 6 }, () => table().reserve(['count'], 20)));
    const ids = all.flat().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(50);
    expect(await table().take(['count'], { after: null, limit: 100, as: 'moving' })).toEqual([]);
    await client.query('rollback');
    client.release();
    expect((await table().take(['count'], { after: '4', limit: 3, as: 'moving' })).map(({ id }) => id)).toEqual(['5', '6', '7']);
    expect((await table().take(['count'], { after: '4', limit: 3, as: 'moving' })).map(({ id }) => id)).toEqual(['5', '6', '7']);
  });

  it('has other names, ids that are no numbers, payloads of text, and fewer columns', async () => {
    await db.query(`
      create table other_job (uid uuid primary key default gen_random_uuid(), what text, body text, state text default 'new');
      insert into other_job (what, body) values ('a', '{"x": 1}'), ('a', 'plain text')`);
    const queue = table({
      table: 'public.other_job', columns: { id: 'uid', type: 'what', payload: 'body', status: 'state', runAt: null, attempts: null, finishedAt: null },
      statuses: { pending: 'new', completed: 'done', claimed: 'chasqui' },
    });
    await queue.check();
    const rows = await queue.reserve(['a'], 9);
    expect(rows.map(({ payload }) => payload)).toEqual(expect.arrayContaining([{ x: 1 }, 'plain text']));
    const { id } = rows[0]!;
    expect(await queue.begin(id, 1)).toBe('begun');
    expect((await queue.held(['a'], { after: null, limit: 9 })).map(({ status }) => status).toSorted()).toEqual(['claimed', 'reserved']);
    await queue.end(id, 'completed');
    expect(await queue.statuses([id])).toEqual(new Map([[id, 'completed']]));
    expect(((await db.query('select state from other_job where uid = $1', [id])).rows[0] as { state: string }).state).toBe('done');
    expect(await queue.begin(id, 2)).toBe('completed');
  });

  it.skipIf(pooler === null)('is reached through a pooler in transaction mode as well', async () => {
    await fill(db, 3);
    const bouncer = await startPgBouncer(pooler as string, postgres);
    const queue = openLegacyTable({ url: bouncer.url, table: 'integration_job' });
    try {
      await queue.check();
      expect(await queue.reserve(['count'], 5)).toHaveLength(3);
    } finally {
      await queue.close();
      await bouncer.stop();
    }
  });

  it('says which column is missing', async () => {
    await expect(table({ columns: { attempts: 'tries' } }).check()).rejects.toThrow(/column "tries" does not exist/);
  });

  it('refuses names that are no names, and addresses that are none', () => {
    expect(() => table({ table: 'a"; drop table b' })).toThrow(/must be a plain name/);
    expect(() => table({ url: 'mysql://x' })).toThrow(/must be postgres:/);
  });
});
