import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { ConfigError, StoreBusy, StoreFailed, StoreTimeout } from '../../src/domain/errors.ts';
import { createIds, type LaneId } from '../../src/domain/ids.ts';
import { openPostgresStore, type PostgresOptions, type PostgresStore } from '../../src/stores/postgres/index.ts';
import { createTestClock, LEASE_MS, ORG, Scene, type Opened, type TestClock } from '../conformance/scene.ts';
import { storeSuite } from '../conformance/store.suite.ts';
import { pgBouncerProgram, startPgBouncer, type TestPgBouncer } from '../support/pgbouncer.ts';
import { postgresBin, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const bin = postgresBin();
const bouncerProgram = bin ? pgBouncerProgram() : null;
const TABLES = ['conversation', 'lane', 'job', 'attempt', 'message', 'notice', 'breaker', 'turn', 'send', 'operation', 'job_key', 'cursor', 'tally', 'pause', 'aside', 'control'];

let server: TestPostgres;
/** For looking in from outside. A server that restarts takes its connections with it. */
let admin: pg.Pool;

beforeAll(async () => {
  if (!bin) return;
  server = await startPostgres(bin);
  admin = new pg.Pool({ connectionString: server.url, max: 2 });
  admin.on('error', () => {});
});
afterAll(async () => {
  await admin?.end();
  await server?.stop();
});

const clear = (): Promise<unknown> => admin.query(TABLES.map((table) => `delete from chasqui.${table};`).join(''));

/** Resolves when the condition holds; what never holds is ended by the test's own time limit. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(10);
}

/** The conformance suites on one store, emptied for each test, in the time of whichever test runs. */
function conformance(options: () => PostgresOptions): void {
  let store: PostgresStore;
  let clock: TestClock = createTestClock();
  let days = 0;
  beforeAll(async () => {
    store = await openPostgresStore({ ...options(), clock: { now: () => clock.now() } });
  });
  afterAll(() => store.close());
  async function open(): Promise<Opened> {
    // Each test a month later than the one before: the store's ids never go back in time.
    clock = createTestClock(1_800_000_000_000 + (days += 30) * 86_400_000);
    await clear();
    return { store, clock, close: async () => {} };
  }
  storeSuite({ open });
}

describe.skipIf(!bin)('the PostgreSQL store', () => {
  conformance(() => ({ url: server.url }));
});

describe.skipIf(!bouncerProgram)('the PostgreSQL store behind pgbouncer in transaction mode', () => {
  let bouncer: TestPgBouncer;
  beforeAll(async () => {
    bouncer = await startPgBouncer(bouncerProgram as string, server);
  });
  afterAll(() => bouncer.stop());
  conformance(() => ({ url: bouncer.url, pooled: true }));

  it('does not listen', async () => {
    const store = await openPostgresStore({ url: bouncer.url, pooled: true });
    expect(store.listen(() => {})).toBe(null);
    await store.close();
  });
});

/** A scene in real time, with ids and messages of its own. */
function scene(store: PostgresStore): Scene {
  const own = new Scene({ store, clock: { ...systemClock, advance: () => {} }, close: async () => {} });
  const arrival = own.arrival.bind(own);
  const id = createIds(systemClock, Math.random);
  return Object.assign(own, { id, arrival: (over: Parameters<Scene['arrival']>[0] = {}) => arrival({ externalId: id('op'), conversationId: id('cnv'), messageId: id('msg'), ...over }) });
}

describe.skipIf(!bin)('two processes on one PostgreSQL', () => {
  let a: Scene;
  let b: Scene;
  beforeEach(async () => {
    [a, b] = (await Promise.all([openPostgresStore({ url: server.url }), openPostgresStore({ url: server.url })])).map(scene) as [Scene, Scene];
    await clear();
  });
  afterEach(() => Promise.all([a.store.close(), b.store.close()]));

  it('number the messages of a lane one after the other, whoever appends', async () => {
    const arrive = (s: Scene, name: string, i: number) => s.store.mailbox.append(s.arrival({ externalId: `${name}${i}`, conversation: `c${i % 3}`, text: `${name}${i}` }));
    const all = await Promise.all(Array.from({ length: 150 }, (_, i) => [arrive(a, 'a', i), arrive(b, 'b', i)]).flat());
    expect(all.every((each) => each.verdict === 'accepted')).toBe(true);
    const { claimed } = await a.claim({ limit: 9 });
    expect(claimed).toHaveLength(3);
    for (const { open } of claimed) expect(open.jobs.map((job) => job.seq)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });

  it('store the same delivery once', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => [a, b].map((s) => s.store.mailbox.append(s.arrival({ externalId: `x${i % 10}`, conversation: `c${i % 10}` })))).flat());
    expect(all.filter((each) => each.verdict === 'accepted')).toHaveLength(10);
    expect(all.filter((each) => each.verdict === 'duplicate')).toHaveLength(70);
    expect(new Set(all.map((each) => each.messageId)).size).toBe(10);
  });

  it('a call that the database refuses fails alone, among many', async () => {
    const stored = a.arrival();
    await a.store.mailbox.append(stored);
    const all = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) => a.store.mailbox.append(a.arrival({ conversation: `c${i % 7}`, ...(i === 40 ? { messageId: stored.messageId } : {}) }))),
    );
    expect(all.flatMap((each, i) => (each.status === 'rejected' ? [i] : []))).toEqual([40]);
    expect(all[40]).toMatchObject({ reason: expect.any(StoreFailed) as StoreFailed });
  });

  it('share the lanes without overlap, and leave none', async () => {
    await Promise.all(Array.from({ length: 60 }, (_, i) => a.arrive({ conversation: `c${i}` })));
    const taken: LaneId[] = [];
    const claimAll = async (s: Scene): Promise<void> => {
      while (taken.length < 60) taken.push(...(await s.claim({ limit: 5 })).claimed.map((each) => each.lease.laneId));
    };
    await Promise.all([claimAll(a), claimAll(b), claimAll(a), claimAll(b)]);
    expect(taken).toHaveLength(60);
    expect(new Set(taken).size).toBe(60);
  });

  it('keep the cap of an org together', async () => {
    await Promise.all(Array.from({ length: 30 }, (_, i) => a.arrive({ conversation: `c${i}` })));
    const rounds = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? a : b).claim({ limit: 3, share: { now: 0, cap: 4, orgs: [] } })));
    expect(rounds.flatMap((each) => each.claimed)).toHaveLength(4);
  });

  it('leave no message behind that comes while its lane is given back', async () => {
    for (let i = 0; i < 25; i++) {
      await a.arrive({ conversation: 'c' });
      const { lease, open } = await a.claimOne();
      await a.store.mailbox.complete(lease, { seqs: open.jobs.map((job) => job.seq), outcome: { kind: 'completed' } });
      const [released] = await Promise.all([a.store.mailbox.release(lease, { drained: open.seen }), b.arrive({ conversation: 'c' })]);
      const last = released === 'again' ? { lease, open: await a.store.mailbox.open(lease) } : await a.claimOne();
      expect(last.open.jobs).toHaveLength(1);
      await a.store.mailbox.complete(last.lease, { seqs: [last.open.seen], outcome: { kind: 'completed' } });
      expect(await a.store.mailbox.release(last.lease, { drained: last.open.seen })).toBe('released');
    }
  });

  it('tell each other which lanes got work', async () => {
    const heard = new Set<string>();
    await using _wakes = (a.store as PostgresStore).listen((laneId) => heard.add(laneId));
    await until(async () => (await admin.query(`select 1 from pg_stat_activity where query like 'listen%'`)).rowCount === 1);
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => b.arrive({ conversation: `c${i}` })));
    await until(() => all.every((each) => heard.has(each.laneId)));
    expect(heard.size).toBe(50);
  });
});

describe.skipIf(!bin)('starting', () => {
  it('several at once make the tables once', async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => openPostgresStore({ url: server.url, schema: 'several' })));
    await Promise.all(stores.map((store) => store.ping()));
    const { rows } = await admin.query('select number from several.migration order by number');
    expect(rows.map((row) => row.number)).toEqual(Array.from({ length: rows.length }, (_, i) => i + 1));
    await Promise.all(stores.map((store) => store.close()));
  });

  it('one that finds another at it waits for it, for longer than a call may take', async () => {
    const other = await admin.connect();
    await other.query('begin');
    await other.query('select pg_advisory_xact_lock(hashtext($1))', ['patient.migration']);
    const opening = openPostgresStore({ url: server.url, schema: 'patient', timeoutMs: 100 });
    await until(async () => (await admin.query(`select from pg_locks where locktype = 'advisory' and not granted`)).rowCount === 1);
    await other.query('select pg_sleep(0.3)');
    await other.query('commit');
    other.release();
    await (await opening).close();
  });

  it('refuses a schema name that is not plain', async () => {
    await expect(openPostgresStore({ url: server.url, schema: 'a"; drop table x' })).rejects.toBeInstanceOf(ConfigError);
  });

  it('says that the server cannot be reached, in time', async () => {
    await expect(openPostgresStore({ url: 'postgres://postgres@127.0.0.1:1/postgres', timeoutMs: 200 })).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe.skipIf(!bin)('a link that fails', () => {
  const TIMEOUT_MS = 500;
  let proxy: TcpProxy;
  let s: Scene;
  beforeEach(async () => {
    proxy = await startTcpProxy(server.port);
    s = scene(await openPostgresStore({ url: `postgres://postgres@127.0.0.1:${proxy.port}/postgres`, timeoutMs: TIMEOUT_MS, maxWaiting: 5 }));
    await clear();
  });
  afterEach(async () => {
    proxy.mode = 'pass';
    await s.store.close();
    await proxy.stop();
  });

  it('executed, but the answer is lost: the same arrival gets its answer when it comes again', async () => {
    await s.arrive({ externalId: 'before' });
    const arrival = s.arrival({ externalId: 'x' });
    proxy.mode = 'deaf';
    await expect(s.store.mailbox.append(arrival)).rejects.toBeInstanceOf(StoreTimeout);
    proxy.mode = 'pass';
    expect(await s.store.mailbox.append(arrival)).toMatchObject({ verdict: 'accepted', messageId: arrival.messageId, wake: true });
    expect((await s.arrive({ externalId: 'x' })).verdict).toBe('duplicate');
    expect((await s.claimOne()).open.jobs).toHaveLength(2);
  });

  it('lanes claimed by a call whose answer is lost are given back, long before their lease ends', async () => {
    await s.arrive();
    proxy.mode = 'deaf';
    await expect(s.claim()).rejects.toBeInstanceOf(StoreTimeout);
    proxy.mode = 'pass';
    const start = performance.now();
    await until(async () => (await s.claim()).claimed.length === 1);
    expect(performance.now() - start).toBeLessThan(LEASE_MS / 3);
  });

  it('half-open: every call ends in time, and the first one after it healed succeeds', async () => {
    await s.arrive();
    proxy.mode = 'dead';
    const start = performance.now();
    const all = await Promise.allSettled([s.arrive(), s.claim(), s.store.ping(), s.store.reports.counts(), s.store.mailbox.open({ laneId: 'cnv_x' as LaneId, orgId: ORG, epoch: 1 })]);
    expect(all.map((each) => each.status)).toEqual(Array(5).fill('rejected'));
    expect(performance.now() - start).toBeLessThan(6 * TIMEOUT_MS);
    await expect(s.arrive()).rejects.toThrow();
    proxy.mode = 'pass';
    await s.arrive();
  });

  it('half-open: closing ends in time too', async () => {
    const store = await openPostgresStore({ url: `postgres://postgres@127.0.0.1:${proxy.port}/postgres`, timeoutMs: TIMEOUT_MS });
    const wakes = store.listen(() => {});
    await Promise.all([store.ping(), store.reports.counts()]);
    proxy.mode = 'dead';
    const start = performance.now();
    await wakes?.[Symbol.asyncDispose]();
    await store.close();
    expect(performance.now() - start).toBeLessThan(4 * TIMEOUT_MS);
  });

  it('appends beyond the bound are refused at once', async () => {
    proxy.mode = 'dead';
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => s.arrive()));
    expect(all.filter((each) => each.status === 'rejected' && each.reason instanceof StoreBusy)).toHaveLength(3);
  });
});

describe.skipIf(!bin)('a server that fails', () => {
  let s: Scene;
  beforeEach(async () => {
    s = scene(await openPostgresStore({ url: server.url }));
    await clear();
  });
  afterEach(() => s.store.close());

  /** Appends without end from several callers; gives what was acknowledged. */
  function pour(): { acked: string[]; stop(): Promise<void> } {
    const acked: string[] = [];
    let pouring = true;
    let next = 0;
    const callers = Array.from({ length: 8 }, async () => {
      while (pouring) {
        const externalId = `x${next++}`;
        try {
          await s.store.mailbox.append(s.arrival({ externalId, conversation: `c${next % 5}` }));
          acked.push(externalId);
        } catch (error) {
          expect(error).toBeInstanceOf(StoreFailed);
        }
      }
    });
    const stop = async (): Promise<void> => {
      pouring = false;
      await Promise.all(callers);
    };
    return { acked, stop };
  }

  async function expectAllStored(acked: string[]): Promise<void> {
    expect(new Set(await s.store.conversations.known('chn_a' as never, acked)).size).toBe(acked.length);
    const { rows } = await admin.query('select lane_id, count(*)::int as jobs, max(seq)::int as last from chasqui.job group by lane_id');
    for (const row of rows) expect(row.jobs).toBe(row.last);
  }

  it('connections cut in mid-flight: what was acknowledged is there, and appends go on', async () => {
    const { acked, stop } = pour();
    for (let i = 0; i < 5; i++) {
      const before = acked.length;
      await until(() => acked.length > before + 20);
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'chasqui'`);
    }
    await stop();
    await expectAllStored(acked);
  });

  it('an immediate restart: what was acknowledged is there, calls wait for the server, and wakes are heard again', async () => {
    const heard = new Set<string>();
    await using _wakes = (s.store as PostgresStore).listen((laneId) => heard.add(laneId));
    const { acked, stop } = pour();
    await until(() => acked.length > 50);
    await server.down();
    const meanwhile = s.store.ping();
    await server.up();
    await meanwhile;
    const before = acked.length;
    await until(() => acked.length > before + 50);
    await stop();
    await expectAllStored(acked);
    await until(async () => {
      const { laneId } = await s.arrive({ conversation: `wake ${heard.size} ${performance.now()}` });
      await wait(20);
      return heard.has(laneId);
    });
  });
});
