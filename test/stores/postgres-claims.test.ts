import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { FairShare } from '../../src/domain/fair-share.ts';
import type { ShareRequest, ShareRule } from '../../src/domain/fair-share.ts';
import { createIds, type ChannelId, type LaneId, type OrgId } from '../../src/domain/ids.ts';
import { openPostgresStore, type PostgresStore } from '../../src/stores/postgres/index.ts';
import { CHANNEL, ORG, OTHER_ORG } from '../conformance/scene.ts';
import { postgresBin, startPostgres, type TestPostgres } from '../support/postgres.ts';

const bin = postgresBin();
const LEASE_MS = 60_000;
const OPEN: ShareRequest = { now: 0, cap: 0, orgs: [] };

let server: TestPostgres;
let admin: pg.Pool;
let stores: [PostgresStore, PostgresStore];
const id = createIds(systemClock, Math.random);

beforeAll(async () => {
  if (bin) server = await startPostgres(bin);
});
afterAll(() => server?.stop());

/** Fills lanes without the way through the mailbox. */
async function fill(orgId: OrgId, channelId: ChannelId, count: number): Promise<void> {
  const prefix = id('cnv').slice(0, -6);
  const rows = `select '${prefix}' || lpad(n::text, 6, '0') as id, n from generate_series(1, ${count}) as g (n)`;
  await admin.query(`insert into chasqui.conversation (id, org_id, channel_id, external_id, created_at) select id, $1, $2, id, 1 from (${rows}) r`, [orgId, channelId]);
  await admin.query(`insert into chasqui.job (lane_id, seq, kind, state, created_at) select id, 1, 'turn', 'available', 1 from (${rows}) r`);
  await admin.query(`insert into chasqui.lane (id, org_id, rank, last_seq, ready_at) select id, $1, n, 1, 0 from (${rows}) r`, [orgId]);
}

const claim = (store: PostgresStore, share: ShareRequest, limit: number) => store.mailbox.claim({ owner: 'w', limit, leaseMs: LEASE_MS, share });

describe.skipIf(!bin)('two processes that claim from one PostgreSQL', () => {
  beforeEach(async () => {
    stores = (await Promise.all([openPostgresStore({ url: server.url }), openPostgresStore({ url: server.url })])) as [PostgresStore, PostgresStore];
    admin = new pg.Pool({ connectionString: server.url, max: 2 });
    for (const table of ['conversation', 'lane', 'job', 'pause', 'aside']) await admin.query(`delete from chasqui.${table}`);
  });
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await admin.end();
  });

  it('keep the cap of each org together, also when only some have one', async () => {
    await fill(ORG, CHANNEL, 40);
    await fill(OTHER_ORG, 'chn_b' as ChannelId, 40);
    const share = { ...OPEN, orgs: [{ orgId: ORG, start: 0, weight: 1, cap: 5 }] };
    const rounds = await Promise.all(Array.from({ length: 16 }, (_, n) => claim(stores[n % 2] as PostgresStore, share, 3)));
    const orgs = rounds.flatMap(({ claimed }) => claimed.map(({ lease }) => lease.orgId));
    expect(orgs.filter((orgId) => orgId === ORG)).toHaveLength(5);
    expect(orgs.filter((orgId) => orgId === OTHER_ORG).length).toBeGreaterThanOrEqual(35);
  });

  it('keep the cap when leases are renewed after the claim has read the clock', async () => {
    await fill(ORG, CHANNEL, 20);
    const share = { ...OPEN, cap: 5 };
    const { claimed } = await claim(stores[0], share, 10);
    const inTheWay = await admin.connect();
    await inTheWay.query('begin; lock table chasqui.pause in access exclusive mode');
    const late = claim(stores[1], share, 10);
    const isWaiting = `select from pg_locks where not granted and relation = 'chasqui.pause'::regclass`;
    while ((await admin.query(isWaiting)).rowCount === 0);
    await Promise.all(claimed.map(({ lease }) => stores[0].mailbox.renew(lease)));
    await inTheWay.query('commit');
    inTheWay.release();
    expect([claimed.length, (await late).claimed.length]).toEqual([5, 0]);
  });

  it('ask for lanes by name beside appends without a deadlock', async () => {
    const message = (n: number): Parameters<PostgresStore['mailbox']['append']>[0] => ({
      orgId: ORG, channelId: CHANNEL, conversationId: id('cnv'), messageId: id('msg'), receivedAt: 1, verifiedAt: 1, refused: null, deferMs: 0, debounceMs: 1,
      duplicateWindowMs: 0, doubt: false,
      message: { externalId: id('msg'), conversation: `c${n % 20}`, author: 'ana', text: 'hi', attachments: [], sentAt: 1, locale: null },
    });
    const lanes = (await Promise.all(Array.from({ length: 20 }, (_, n) => stores[0].mailbox.append(message(n))))).map(({ laneId }) => laneId);
    let appending = true;
    const work = async (store: PostgresStore): Promise<void> => {
      for (let n = 0; appending; n++) {
        const only = lanes.filter((_, at) => (at + n) % 3 > 0).toReversed();
        const { claimed } = await store.mailbox.claim({ owner: 'w', limit: 20, leaseMs: LEASE_MS, share: OPEN, only });
        await Promise.all(claimed.map(({ lease }) => store.mailbox.release(lease, { parkMs: 1 })));
      }
    };
    const append = async (): Promise<void> => {
      for (let round = 0; round < 60; round++) await Promise.all(Array.from({ length: 16 }, (_, n) => stores[0].mailbox.append(message(round * 7 + n))));
      appending = false;
    };
    await Promise.all([append(), ...stores.map(work)]);
    const { rows } = await admin.query('select deadlocks::int as deadlocks from pg_stat_database where datname = current_database()');
    expect(rows).toEqual([{ deadlocks: 0 }]);
  });

  it('take every lane once, whatever they hold between them', async () => {
    for (let n = 0; n < 10; n++) await fill(`org_${n}` as OrgId, `chn_${n}` as ChannelId, 30);
    const taken: LaneId[] = [];
    const work = async (store: PostgresStore): Promise<void> => {
      const fair = new FairShare(() => ({ cap: 0, orgs: new Map() }));
      for (let last: number | null = 0; last === 0 || last === 5; ) {
        const { claimed, nextInMs } = await claim(store, fair.request(), 7);
        fair.took(claimed.map(({ lease }) => lease.orgId));
        taken.push(...claimed.map(({ lease }) => lease.laneId));
        last = nextInMs;
      }
    };
    await Promise.all([...stores, ...stores].map(work));
    expect(taken).toHaveLength(300);
    expect(new Set(taken).size).toBe(300);
  });

  it('each being fair, are fair together', async () => {
    await fill(ORG, CHANNEL, 500);
    await fill(OTHER_ORG, 'chn_b' as ChannelId, 60);
    const rules = new Map<OrgId, ShareRule>([[OTHER_ORG, { weight: 2, cap: 0 }]]);
    const served = new Map<OrgId, number>();
    const work = async (store: PostgresStore): Promise<void> => {
      const fair = new FairShare(() => ({ cap: 0, orgs: rules }));
      while ((served.get(OTHER_ORG) ?? 0) < 50) {
        const orgIds = (await claim(store, fair.request(), 3)).claimed.map(({ lease }) => lease.orgId);
        fair.took(orgIds);
        for (const orgId of orgIds) served.set(orgId, (served.get(orgId) ?? 0) + 1);
      }
    };
    await Promise.all(stores.map(work));
    // One lane of each org for each process, and what the other process claimed while the last one was on its way.
    const [flood, other] = [served.get(ORG) as number, served.get(OTHER_ORG) as number];
    expect(Math.abs(flood - other / 2)).toBeLessThanOrEqual(stores.length * 1.5 + 3);
  });

  it('leave no lane behind when a channel is paused and resumed while they claim', async () => {
    await fill(ORG, CHANNEL, 300);
    const taken = new Set<LaneId>();
    let switching = true;
    const work = async (store: PostgresStore): Promise<void> => {
      while (switching) for (const { lease } of (await claim(store, OPEN, 2)).claimed) taken.add(lease.laneId);
    };
    const toggle = async (): Promise<void> => {
      const target = { scope: 'channel', channelId: CHANNEL } as const;
      for (let n = 0; n < 12; n++) {
        await stores[0].controls.pause(target);
        await claim(stores[1], OPEN, 1);
        await stores[1].controls.resume(target);
      }
      switching = false;
    };
    await Promise.all([...stores.map(work), toggle()]);
    for (let last: number | null = 0; last === 0 || last === 5; ) {
      const { claimed, nextInMs } = await claim(stores[0], OPEN, 100);
      for (const { lease } of claimed) taken.add(lease.laneId);
      last = nextInMs;
    }
    expect(taken.size).toBe(300);
    expect((await admin.query('select from chasqui.aside')).rowCount).toBe(0);
  });
});
