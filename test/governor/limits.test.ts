import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { buildApp, type App, type Parts } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { StoreFailed } from '../../src/domain/errors.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Stats {
  config: { rateLimitEnabled: boolean };
  rateLimiter: { redisAvailable: boolean; memoryFallback: { ratesCount: number }; config: { maxRequestsPerMinute: number }; redis: { activeRateLimitKeys: number } };
  verdicts: Record<string, number>;
}

interface Place {
  app: App;
  /** What contacts were shown. */
  shown: string[];
  /** The status of a webhook with one message. */
  post(id: string, more?: { text?: string; conversation?: string; channel?: string }): Promise<number>;
  get<T>(path: string): Promise<T>;
  /** A POST without a body, as operators send it. */
  command(path: string): Promise<Response>;
  stats(): Promise<Stats>;
}

const TWO_ORGS = { orgs: [{ id: 'a', channels: [{ kind: 'playground', id: 'a' }] }, { id: 'b', channels: [{ kind: 'playground', id: 'b' }] }] };

interface Asked {
  env?: Record<string, string>;
  file?: object;
  parts?: Parts;
}

async function place({ env = {}, file = TWO_ORGS, parts = {} }: Asked = {}): Promise<Place> {
  const dataDir = mkdtempSync(join(tmpdir(), 'chasqui-limits-'));
  closers.push(async () => rmSync(dataDir, { recursive: true, force: true }));
  const shown: string[] = [];
  const settings = { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent', BURST_DEBOUNCE_MS: '0', WORKER_TYPING_ENABLED: 'false', CATCH_UP_INTERVAL_MS: '86400000', ...env };
  const app = await buildApp(resolveConfig({ env: settings, file: { name: 'chasqui.config.ts', value: file } }), {
    channel: (real) => ({
      ...real,
      send: (part, signal) => {
        shown.push(part.text);
        return real.send(part, signal);
      },
    }),
    ...parts,
  });
  closers.push(() => app.stop());
  const address = (await app.start()) as string;
  await app.working();
  const get = async <T>(path: string): Promise<T> => (await (await fetch(address + path)).json()) as T;
  return {
    app, shown, get,
    command: (path) => fetch(address + path, { method: 'POST' }),
    post: async (id, { text = `text ${id}`, conversation = 'c1', channel = 'chn_a' } = {}) => {
      const body = JSON.stringify({ conversation, text, id });
      const response = await fetch(`${address}/webhooks/playground/${channel}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      await response.text();
      return response.status;
    },
    stats: () => get<Stats>('/admin/governor/stats'),
  };
}

/** The machine's clock, which can be set ahead. */
function movable() {
  let ahead = 0;
  return { clock: { ...systemClock, now: () => systemClock.now() + ahead }, pass: (ms: number) => void (ahead += ms) };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);
const NOTICE = /write faster/;
const notices = (...places: Place[]): string[] => places.flatMap(({ shown }) => shown).filter((text) => NOTICE.test(text));

describe('messages per minute, in memory', () => {
  it('a burst of a thousand: ten are answered, the rest is stored and limited, one notice; nobody else notices', async () => {
    const { clock, pass } = movable();
    const here = await place({ parts: { clock } });
    const statuses = await Promise.all(range(0, 1000).map((n) => here.post(`x${n}`, { text: `hello there, this is number ${n}` })));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await here.stats()).verdicts).toEqual({ accepted: 10, limited: 990 });
    await expect.poll(() => notices(here)).toHaveLength(1);
    expect(await here.post('y1', { conversation: 'c2' })).toBe(200);
    expect(await here.post('z1', { channel: 'chn_b' })).toBe(200);
    expect((await here.stats()).verdicts).toMatchObject({ accepted: 12, limited: 990 });
    expect(await here.stats()).toMatchObject({
      config: { rateLimitEnabled: true },
      rateLimiter: { redisAvailable: false, config: { maxRequestsPerMinute: 10 }, redis: { activeRateLimitKeys: 0 } },
    });
    pass(60_001);
    for (const n of range(0, 12)) await here.post(`later${n}`);
    expect((await here.stats()).verdicts).toMatchObject({ accepted: 22, limited: 992 });
    await expect.poll(() => notices(here)).toHaveLength(2);
  });

  it('a redelivered webhook does not count, at once or later, counted or limited before', async () => {
    const { clock, pass } = movable();
    const here = await place({ parts: { clock } });
    await Promise.all(range(0, 20).map(() => here.post('again')));
    for (const _ of range(0, 5)) await here.post('again');
    for (const n of range(0, 10)) await here.post(`x${n}`);
    expect((await here.stats()).verdicts).toEqual({ accepted: 10, duplicate: 24, limited: 1 });
    pass(60_001);
    for (const _ of range(0, 5)) await here.post('x9');
    for (const n of range(0, 11)) await here.post(`y${n}`);
    // x9 was limited, so nothing knew its name: it counts now, once.
    expect((await here.stats()).verdicts).toEqual({ accepted: 19, duplicate: 29, limited: 3 });
    pass(60_001);
    for (const _ of range(0, 5)) await here.post('again');
    for (const n of range(0, 11)) await here.post(`z${n}`);
    expect((await here.stats()).verdicts).toEqual({ accepted: 29, duplicate: 34, limited: 4 });
  });

  it('a message that could not be stored counts once, when it is sent again', async () => {
    let fails = 3;
    const here = await place({
      parts: {
        store: (real) => ({
          ...real,
          mailbox: {
            ...real.mailbox,
            append: async (arrival) => {
              if (fails-- > 0) throw new StoreFailed('append', new Error('the disk is full'));
              return real.mailbox.append(arrival);
            },
          },
        }),
      },
    });
    const statuses = [];
    for (const _ of range(0, 4)) statuses.push(await here.post('x0'));
    expect(statuses).toEqual([500, 500, 500, 200]);
    for (const n of range(1, 11)) await here.post(`x${n}`);
    expect((await here.stats()).verdicts).toEqual({ accepted: 10, limited: 1 });
  });

  it('orgs and channels have limits of their own, or none, and a limited message ends as such', async () => {
    const file = {
      orgs: [
        { id: 'a', governorMaxMessagesPerMinute: 2, channels: [{ kind: 'playground', id: 'a' }, { kind: 'playground', id: 'a2', governorMaxMessagesPerMinute: 1 }] },
        { id: 'b', governorRateLimitEnabled: false, channels: [{ kind: 'playground', id: 'b' }] },
      ],
    };
    const here = await place({ file });
    for (const n of range(0, 3)) for (const channel of ['chn_a', 'chn_a2', 'chn_b']) await here.post(`x${n}`, { channel });
    expect((await here.stats()).verdicts).toEqual({ accepted: 6, limited: 3 });
  });
});

describe('actions per minute', () => {
  it('retry: so many dead letters of an org, then 429, which says when; other orgs go on, and retry-all is one operation', async () => {
    const file = { orgs: [{ ...TWO_ORGS.orgs[0], limits: { retry: 3 } }, TWO_ORGS.orgs[1]] };
    const here = await place({ file, env: { QUEUE_MAX_RETRIES: '1' }, parts: { responder: (real) => ({ ...real, respond: async () => Promise.reject(new Error('out of order')) }) } });
    for (const n of range(0, 5)) for (const channel of ['chn_a', 'chn_b']) await here.post(`x${n}`, { conversation: `c${n}`, channel });
    const letters = async () => (await here.get<{ jobs: { jobId: string; orgId: string }[] }>('/admin/dlq')).jobs;
    await expect.poll(async () => (await letters()).length, { timeout: 10_000 }).toBe(10);
    const jobs = await letters();
    const retried = (org: string) => Promise.all(jobs.filter(({ orgId }) => orgId === org).map(({ jobId }) => here.command(`/admin/dlq/retry/${jobId}`)));
    const ofA = await retried('org_a');
    expect(ofA.map(({ status }) => status).sort()).toEqual([200, 200, 200, 429, 429]);
    const denied = ofA.find(({ status }) => status === 429) as Response;
    const { headers } = denied;
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await denied.json()).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(headers.get('retry-after')).toMatch(/^(60|5\d)$/);
    expect(headers.get('ratelimit-policy')).toBe('"retry";q=3;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"retry";r=0;t=(60|5\d)$/);
    expect((await retried('org_b')).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(await here.app.metrics.text()).toMatch(/^inbox_rate_limit_hits\{.*org_id="org_a".*\} 2$/m);
    expect((await here.command('/admin/dlq/retry-all')).ok).toBe(true);
  });
});

const program = redisProgram();
const bin = postgresBin();

async function redisServer(): Promise<TestRedis> {
  const redis = await startRedis(program as string);
  closers.push(() => redis.stop());
  return redis;
}

async function databaseServer(): Promise<string> {
  const server = await startPostgres(bin as string);
  closers.push(() => server.stop());
  return server.url;
}

interface Resilience {
  degraded: string[];
  breakers: { name: string; state: string }[];
}

describe.skipIf(!program)('messages per minute, on Redis', () => {
  it('a Redis that freezes in the middle holds no webhook up and forgets nothing; it comes back by itself', async () => {
    const redis = await redisServer();
    const here = await place({ env: { REDIS_URL: redis.url, REDIS_TIMEOUT_MS: '300' } });
    const resilience = () => here.get<Resilience>('/health/resilience');
    for (const n of range(0, 6)) await here.post(`x${n}`);
    await expect.poll(async () => (await here.stats()).rateLimiter.redis.activeRateLimitKeys, { timeout: 10_000 }).toBe(7);
    expect((await here.stats()).rateLimiter.redisAvailable).toBe(true);
    expect((await resilience()).breakers).toContainEqual({ name: 'limiter redis', state: 'closed' });
    redis.freeze();
    const took: number[] = [];
    for (const n of range(6, 16)) {
      const startedAt = performance.now();
      expect(await here.post(`x${n}`)).toBe(200);
      took.push(performance.now() - startedAt);
    }
    expect(Math.max(...took)).toBeLessThan(1_000);
    expect((await here.stats()).verdicts).toEqual({ accepted: 10, limited: 6 });
    const frozen = await resilience();
    expect(frozen.degraded).toContain('limiter');
    expect(frozen.breakers).toContainEqual({ name: 'limiter redis', state: 'open' });
    expect((await here.stats()).rateLimiter).toMatchObject({ redisAvailable: false, memoryFallback: { ratesCount: 11 } });
    redis.thaw();
    await expect.poll(async () => (await resilience()).degraded, { timeout: 10_000 }).not.toContain('limiter');
    await here.post('x99');
    expect((await here.stats()).verdicts).toEqual({ accepted: 10, limited: 7 });
  }, 60_000);

  it('nothing waits for a Redis that is not there at the start', async () => {
    const redis = await redisServer();
    await redis.down();
    const here = await place({ env: { REDIS_URL: redis.url, REDIS_TIMEOUT_MS: '300' } });
    for (const n of range(0, 12)) expect(await here.post(`x${n}`)).toBe(200);
    expect((await here.stats()).verdicts).toEqual({ accepted: 10, limited: 2 });
  }, 60_000);
});

describe.skipIf(!bin)('several processes', () => {
  /** Sixty messages of one conversation to two processes at once, each of them delivered to both. */
  async function flood(env: Record<string, string>): Promise<void> {
    const both = await Promise.all([1, 2].map(() => place({ env })));
    await Promise.all(range(0, 60).flatMap((n) => both.map((one) => one.post(`x${n}`))));
    const verdicts = await Promise.all(both.map(async (one) => (await one.stats()).verdicts));
    const sum = (name: string): number => verdicts.reduce((all, one) => all + (one[name] ?? 0), 0);
    expect([sum('accepted'), sum('limited'), sum('duplicate')]).toEqual([10, 50, 60]);
    await expect.poll(() => notices(...both), { timeout: 10_000 }).toHaveLength(1);
  }

  it('on PostgreSQL alone share one budget, and tell once', async () => {
    await flood({ DATABASE_URL: await databaseServer() });
  }, 90_000);

  it.skipIf(!program)('on PostgreSQL and Redis share one budget, and tell once', async () => {
    const [DATABASE_URL, { url: REDIS_URL }] = await Promise.all([databaseServer(), redisServer()]);
    await flood({ DATABASE_URL, REDIS_URL });
  }, 90_000);
});
