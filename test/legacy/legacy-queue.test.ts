import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/index.ts';
import type { LegacyReport } from '../../src/operate/index.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { fill, OldWorker, startChild, TABLES } from './table.ts';
import type { Child } from './table.ts';

const bin = postgresBin();
let postgres: TestPostgres;
let admin: pg.Pool;
let db: pg.Pool;
let url: string;
let count = 0;
const children: Child[] = [];

beforeAll(async () => {
  if (!bin) return;
  postgres = await startPostgres(bin);
  admin = new pg.Pool({ connectionString: postgres.url, max: 1 });
  admin.on('error', () => {});
  // It accepts connections a moment before it answers them.
  await until(() => admin.query('select 1').then(() => true, () => false));
}, 60_000);
afterAll(async () => {
  await admin?.end();
  await postgres?.stop();
}, 60_000);

beforeEach(async () => {
  if (!bin) return;
  const name = `user_${++count}`;
  await admin.query(`create database ${name}`);
  url = postgres.url.replace(/postgres$/, name);
  db = new pg.Pool({ connectionString: url, max: 5 });
  db.on('error', () => {});
  await db.query(TABLES);
});
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill('SIGKILL')));
  await db?.end();
});

async function child(stage: string): Promise<Child> {
  const started = await startChild(url, { stage });
  children.push(started);
  return started;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(30);
}

const number = async (sql: string): Promise<number> => Number(((await db.query(sql)).rows[0] as { n: string }).n);
const finished = (): Promise<number> => number(`select count(*) as n from integration_job where status = 'completed'`);
const byChasqui = (): Promise<number> => number(`select count(*) as n from effect where who = 'chasqui'`);
const statuses = async (): Promise<Record<string, number>> =>
  Object.fromEntries(((await db.query(`select status, count(*)::int as n from integration_job group by 1`)).rows as { status: string; n: number }[]).map(({ status, n }) => [status, n]));
const report = async ({ url: at }: Child): Promise<LegacyReport> => (await (await fetch(`${at}/v1/legacy-queue`)).json()) as LegacyReport;

/** Each row has one effect, whoever had it; and nobody but its owner ever began it. */
async function expectEachOnce(rows: number): Promise<void> {
  expect(await number('select count(*) as n from effect')).toBe(rows);
  expect(await number('select count(distinct row) as n from effect')).toBe(rows);
  expect(await number('select count(*) as n from (select row from start group by row having count(distinct who) > 1) both_sides')).toBe(0);
}

describe.skipIf(bin === null)('a table queue that Chasqui takes over', () => {
  it('moves step by step and back, with old workers polling and one of ours killed: each job has one effect, none is lost', async () => {
    const ROWS = 400;
    await fill(db, ROWS);
    const old = new OldWorker(db, 30);
    const shadow = await child('shadow');
    await until(async () => old.done > 10);
    expect(await byChasqui()).toBe(0);
    expect(await report(shadow)).toMatchObject({ unmapped: [], withoutJob: { count: 0 }, withoutRow: { count: 0 }, complete: true });
    await shadow.kill('SIGTERM');

    const both = await child('both');
    await until(async () => (await byChasqui()) > 20);
    await both.kill('SIGKILL');
    const second = await child('both');
    const before = await byChasqui();
    await until(async () => (await byChasqui()) > before + 20);
    await second.kill('SIGKILL');

    const ours = await child('chasqui');
    await until(async () => (await number(`select count(*) as n from integration_job where status like '%by_chasqui'`)) > 50);
    await ours.kill('SIGKILL');

    // Back: what Chasqui has not begun is given to the old workers again; what it has begun, it ends.
    const back = await child('shadow');
    await until(async () => (await finished()) === ROWS);
    await old.stop();
    await expectEachOnce(ROWS);
    expect(old.done).toBeGreaterThan(10);
    expect(await statuses()).toEqual({ completed: ROWS });
    expect(await number('select count(*) as n from integration_job where finished_at is null or attempts < 1')).toBe(0);
    await until(async () => (await report(back)).withoutRow.count === 0);
    expect(await report(back)).toMatchObject({ withoutJob: { count: 0, ids: [] }, withoutRow: { count: 0, ids: [] }, complete: true });
  }, 120_000);

  it('in the stage chasqui takes all that is due, later what is due later, and writes back what died', async () => {
    await fill(db, 30);
    await fill(db, 2, 'other');
    await db.query(`insert into integration_job (type, payload, run_at) values ('count', '{"row": 1000}', now() + interval '2 seconds')`);
    await db.query(`insert into integration_job (type, payload) values ('count', '{"row": "no number"}')`);
    const ours = await child('chasqui');
    await until(async () => (await finished()) === 31 && (await statuses()).failed_by_chasqui === 1);
    expect(await statuses()).toEqual({ completed: 31, failed_by_chasqui: 1, pending: 2 });
    expect(await number(`select count(*) as n from integration_job where status = 'failed_by_chasqui' and attempts = 3 and finished_at is not null`)).toBe(1);
    expect(await report(ours)).toMatchObject({ unmapped: ['other'], withoutJob: { count: 0 }, withoutRow: { count: 0 } });
    // The dead letter is retried, once what was wrong is put right.
    const { jobs } = (await (await fetch(`${ours.url}/admin/dlq`)).json()) as { jobs: { jobId: string; originalJob: { kind: string }; data: unknown }[] };
    expect(jobs).toMatchObject([{ originalJob: { kind: 'count' }, data: { payload: { row: 'no number' } } }]);
    await db.query('alter table start alter column row type text; alter table effect alter column row type text');
    expect((await fetch(`${ours.url}/admin/dlq/retry/${jobs[0]?.jobId}`, { method: 'POST' })).status).toBe(200);
    await until(async () => (await finished()) === 32);
    expect(await number('select count(*) as n from effect')).toBe(32);
  }, 60_000);

  it('a row that an operator sets back to pending runs once more', async () => {
    await fill(db, 1);
    const ours = await child('chasqui');
    await until(async () => (await finished()) === 1);
    await db.query(`update integration_job set status = 'pending', finished_at = null`);
    await until(async () => (await byChasqui()) === 2 && (await finished()) === 1);
    // The row's end is written before the job's.
    await until(async () => (await report(ours)).withoutRow.count === 0);
  }, 60_000);
});

describe.skipIf(bin === null)('importing a table queue', () => {
  async function chasqui(...args: string[]) {
    const printed: string[] = [];
    const end = await runCli(args, { run: async () => undefined, inspect: () => Promise.reject(new Error('not asked')), print: (line) => void printed.push(line) });
    return { ...end, printed };
  }

  it('once and for all: killed in the middle and resumed by another process, every row has one job; a second import adds nothing', async () => {
    const ROWS = 5_000;
    await fill(db, ROWS);
    await db.query(`update integration_job set run_at = now() + interval '1 day'`);
    const first = await child('shadow');
    const started = await fetch(`${first.url}/v1/imports`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ types: { count: 'count' } }) });
    expect(started.status).toBe(202);
    const { operationId, total } = (await started.json()) as { operationId: string; total: number };
    expect(total).toBe(ROWS);
    await until(async () => ((await statuses()).moved_to_chasqui ?? 0) > 600);
    await first.kill('SIGKILL');
    const left = (await statuses()).moved_to_chasqui ?? 0;
    expect(left).toBeLessThan(ROWS);

    const killedAt = performance.now();
    const second = await child('shadow');
    const { printed, exitCode } = await chasqui('operations', operationId, '--url', second.url);
    expect(exitCode).toBe(0);
    expect(printed.at(-1)).toMatch(/import_jobs {2}completed {2}5000\/5000 100%$/);
    expect(performance.now() - killedAt).toBeLessThan(30_000);
    const jobs = () => number(`select count(*) as n from chasqui.job where kind = 'count'`);
    expect(await jobs()).toBe(ROWS);
    expect(await number(`select count(distinct payload) as n from chasqui.job where kind = 'count'`)).toBe(ROWS);
    expect(await statuses()).toEqual({ moved_to_chasqui: ROWS });

    const again = await chasqui('import-jobs', '--map', 'count=count', '--url', second.url);
    expect(again.printed.at(-1)).toMatch(/completed {2}0\/0/);
    // What a crash between two statements leaves behind.
    await db.query(`update integration_job set status = 'moving_to_chasqui' where id <= 50`);
    expect((await chasqui('import-jobs', '--map', 'count=count', '--url', second.url)).exitCode).toBe(0);
    expect(await jobs()).toBe(ROWS);
    expect(await statuses()).toEqual({ moved_to_chasqui: ROWS });
  }, 90_000);

  it('of the configured queue: the rows follow their jobs', async () => {
    await fill(db, 250);
    await db.query(`update integration_job set run_at = now() + interval '1 day' where id > 200`);
    const ours = await child('both');
    expect((await chasqui('import-jobs', '--url', ours.url)).exitCode).toBe(0);
    await until(async () => (await finished()) === 200);
    expect(await statuses()).toEqual({ completed: 200, reserved_by_chasqui: 50 });
    expect(await report(ours)).toMatchObject({ withoutJob: { count: 0 }, withoutRow: { count: 0 } });
    await expectEachOnce(200);
  }, 60_000);

  it('says what is missing, and keeps no password', async () => {
    await fill(db, 1);
    const ours = await child('shadow');
    const message = async (...args: string[]): Promise<string | null> => (await chasqui('import-jobs', ...args, '--url', ours.url)).message;
    expect(await message()).toMatch(/every type is in the stage shadow/);
    expect(await message('--from', 'postgres://a:secret@127.0.0.1/db', '--map', 'count=count')).toMatch(/holds a password/);
    expect(await message('--table', 'nowhere', '--map', 'count=count')).toMatch(/relation "nowhere" does not exist/);
    expect(await message('--map', 'count')).toMatch(/--map count must be type=kind/);
    expect(await statuses()).toEqual({ pending: 1 });
  }, 60_000);
});
