import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Gates } from '../../src/app/gates.ts';
import { systemClock, systemRandom } from '../../src/domain/clock.ts';
import { createIds, type ChannelId, type OrgId } from '../../src/domain/ids.ts';
import { openPostgresStore, type PostgresStore } from '../../src/stores/postgres/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { postgresBin, startPostgres, type TestPostgres } from '../support/postgres.ts';

const bin = postgresBin();
const A = 'org_a' as OrgId;
const CHANNEL = 'chn_a' as ChannelId;
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

describe.skipIf(!bin)('several processes on one PostgreSQL', () => {
  let server: TestPostgres;
  let stores: PostgresStore[] = [];
  beforeAll(async () => {
    server = await startPostgres(bin as string);
    stores = await Promise.all([1, 2, 3].map(() => openPostgresStore({ url: server.url })));
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await server.stop();
  });

  it('messages that come to all of them at once are announced once', async () => {
    const newId = createIds(systemClock, systemRandom);
    const now = Date.now();
    const notice = { topic: 'outside_hours', since: now - 60_000, text: 'closed' } as const;
    const arrival = (n: number) => ({
      orgId: A, channelId: CHANNEL, conversationId: newId('cnv'), messageId: newId('msg'), receivedAt: now, verifiedAt: now, refused: null, deferMs: 3_600_000,
      debounceMs: 0, duplicateWindowMs: 5_000, doubt: false, notice,
      message: { externalId: `x${n}`, conversation: 'c1', author: 'ana', text: `text ${n}`, attachments: [], sentAt: now, locale: null },
    });
    await Promise.all(Array.from({ length: 60 }, (_, n) => stores[n % 3]!.mailbox.append(arrival(n))));
    const { claimed } = await stores[0]!.mailbox.claim({ owner: 'w', limit: 10, leaseMs: 30_000, share: { now: 0, cap: 0, orgs: [] } });
    expect(claimed).toHaveLength(1);
    const kinds = claimed[0]!.open.jobs.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'notice')).toHaveLength(1);
    expect(kinds[0]).toBe('notice');
    expect(kinds).toHaveLength(61);
  });

  it('a breaker that one opens is open for all within a second', async () => {
    const gates = stores.map((store) => new Gates({ clock: systemClock, random: systemRandom, log, meter: createMetrics(), board: store.breakers }));
    const over = new AbortController();
    const states = () => gates.map((one) => one.views()[0]?.state);
    const loops = gates.map(async (one) => {
      const service = one.service();
      one.channel(CHANNEL);
      while (!over.signal.aborted) {
        await service.runOnce(over.signal);
        await systemClock.sleep(service.intervalMs, over.signal).catch(() => undefined);
      }
    });
    for (let i = 0; i < 5; i++) {
      const entry = await gates[0]!.channel(CHANNEL).enter({ orgId: A, isRetry: false });
      if (entry.kind === 'go') entry.pass.leave({ kind: 'failed' });
    }
    const openedAt = performance.now();
    while (states().some((state) => state !== 'open')) {
      expect(performance.now() - openedAt).toBeLessThan(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    over.abort();
    await Promise.all(loops);
  });
});
