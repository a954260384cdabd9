/** How many decisions are wrong: ours against the oracle in time that the test decides, and everybody's in real time against what they themselves admitted. */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { systemClock } from '../src/domain/clock.ts';
import { createMemoryLimiter } from '../src/limiters/memory/index.ts';
import { openPostgresLimiter } from '../src/limiters/postgres/index.ts';
import { connectRedis, openRedisLimiter } from '../src/limiters/redis/index.ts';
import type { Limiter } from '../src/ports/limiter.ts';
import { seeded } from '../test/chaos/seeded.ts';
import { isAsExpected, Oracle } from '../test/limiters/oracle.ts';
import { traffic } from '../test/limiters/traffic.ts';
import { enter, type ContestantName } from './limiter-contestants.ts';

const TIMEOUT_MS = 60_000;

export interface Judged {
  decisions: number;
  wrong: number;
  /** Denials that were tried again 1 ms early and on time, and how many of these two did not go as told. */
  retries: number;
  wrongRetries: number;
}

/** Random decisions, each compared with the oracle in every field; where the last one of an instant is denied, it is also tried 1 ms early and on time. */
export async function judge(limiter: Pick<Limiter, 'check' | 'peek'>, decisions: number, seed: number): Promise<Judged> {
  const oracle = new Oracle();
  const judged: Judged = { decisions: 0, wrong: 0, retries: 0, wrongRetries: 0 };
  for (const { now, asks } of traffic(seed)) {
    const decided = await Promise.all(asks.map((ask) => limiter.check(ask, now)));
    for (const [n, decision] of decided.entries()) judged.wrong += Number(!isAsExpected(decision, oracle.check(asks[n] as (typeof asks)[number], now)));
    judged.decisions += asks.length;
    const [last, ask] = [decided.at(-1), asks.at(-1)];
    if (last?.allowed === false && ask) {
      const [early, onTime] = await Promise.all([limiter.peek(ask, now + last.retryAfterMs - 1), limiter.peek(ask, now + last.retryAfterMs)]);
      judged.retries += 1;
      judged.wrongRetries += Number(early.allowed || early.retryAfterMs !== 1 || !onTime.allowed);
    }
    if (judged.decisions >= decisions) return judged;
  }
  return judged;
}

/** A million decisions on every store. */
export async function judgeStores(servers: { redisUrl: string | null; databaseUrl: string | null }, decisions: number, progress: (text: string) => void): Promise<Map<string, Judged>> {
  const judged = new Map<string, Judged>();
  const run = async (name: string, limiter: Limiter): Promise<void> => {
    judged.set(name, await judge(limiter, decisions, 1));
    await limiter.close();
    progress(`limiter: ${name}: ${judged.get(name)?.wrong} wrong of ${judged.get(name)?.decisions}`);
  };
  await run('memory', createMemoryLimiter({ clock: systemClock }));
  if (servers.redisUrl) await run('Redis', await openRedisLimiter({ commands: connectRedis(servers.redisUrl, () => {}), clock: systemClock, prefix: 'exact', timeoutMs: TIMEOUT_MS }));
  if (servers.databaseUrl) {
    const pool = new pg.Pool({ connectionString: servers.databaseUrl, max: 2 });
    pool.on('error', () => {});
    await run('PostgreSQL', await openPostgresLimiter({ database: pool, clock: systemClock, timeoutMs: TIMEOUT_MS }));
    await pool.end();
  }
  return judged;
}

/** An event that a limiter admitted: at some instant between these two. */
type Span = [from: number, to: number];

export interface Errors {
  decisions: number;
  falselyAllowedPercent: number;
  falselyDeniedPercent: number;
  /** The most that was surely admitted within one window, as a multiple of the limit. */
  mostAdmitted: number;
}

const LIMIT = 10;
const WINDOW_MS = 1000;
const KEYS = 200;

/** The reference is an exact log of what the limiter itself admitted; what the time a call took leaves open is not called wrong. */
function faultOf(admitted: readonly Span[], [from, to]: Span, isAllowed: boolean): 'allowed' | 'denied' | null {
  const surely = admitted.filter(([at]) => at + WINDOW_MS > to + 1).length;
  const possibly = admitted.filter(([, at]) => at + WINDOW_MS >= from - 1).length;
  if (isAllowed && surely >= LIMIT) return 'allowed';
  return !isAllowed && possibly < LIMIT ? 'denied' : null;
}

/** Real time: random arrivals at one and a half times the limit of 10 a second, the same for all. */
export async function measureErrors(name: ContestantName, redisUrl: string, seconds: number): Promise<Errors> {
  const contestant = await enter(name, { redisUrl, seconds: 1, limits: [LIMIT], sharing: [KEYS] });
  if (!contestant) throw new Error(`${name} does not take part`);
  const admitted = Array.from({ length: KEYS }, (): Span[] => []);
  const faults = { allowed: 0, denied: 0 };
  let [decisions, most] = [0, 0];
  async function take(key: number): Promise<void> {
    const from = performance.now();
    const isAllowed = await (contestant as NonNullable<typeof contestant>).take(key);
    const span: Span = [from, performance.now()];
    const log = admitted[key] as Span[];
    const fault = faultOf(log, span, isAllowed);
    if (fault) faults[fault] += 1;
    decisions += 1;
    if (!isAllowed) return;
    log.push(span);
    most = Math.max(most, log.filter(([at]) => at + WINDOW_MS > span[1] + 1).length);
  }
  await arrivals(seconds, take);
  await contestant.close();
  return { decisions, falselyAllowedPercent: (100 * faults.allowed) / decisions, falselyDeniedPercent: (100 * faults.denied) / decisions, mostAdmitted: most / LIMIT };
}

/** A Poisson stream per key, one ask of a key at a time. */
async function arrivals(seconds: number, take: (key: number) => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  const user = async (key: number): Promise<void> => {
    const random = seeded(key + 1);
    let dueAt = startedAt;
    for (;;) {
      dueAt += (-Math.log(1 - random.next()) * WINDOW_MS) / (1.5 * LIMIT);
      if (dueAt > startedAt + seconds * 1000) return;
      const leftMs = dueAt - performance.now();
      if (leftMs > 0) await wait(leftMs);
      await take(key);
    }
  };
  await Promise.all(Array.from({ length: KEYS }, (_, key) => user(key)));
}
