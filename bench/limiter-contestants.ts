/** Ours and theirs behind one call: take one event of a user, and say whether it was allowed. Theirs come from `bench/peers`. */
import { createRequire } from 'node:module';
import { systemClock } from '../src/domain/clock.ts';
import type { WindowRule } from '../src/domain/limit.ts';
import { createMemoryLimiter } from '../src/limiters/memory/index.ts';
import { connectRedis, openRedisLimiter } from '../src/limiters/redis/index.ts';
import { createResilientLimiter } from '../src/limiters/resilient/index.ts';
import type { Limiter } from '../src/ports/limiter.ts';

export const CONTESTANTS = ['ours, plain', 'ours, batched', 'ours, resilient', 'rate-limiter-flexible', 'rate-limiter-flexible, auto-pipelining', '@upstash/ratelimit'] as const;
export type ContestantName = (typeof CONTESTANTS)[number];

/** What one user is limited by, over `seconds`: alone, or with their org and their conversation. */
export interface Contest {
  redisUrl: string;
  seconds: number;
  /** One limit per rule: conversation, org, user. */
  limits: readonly number[];
  /** Orgs and users: as many as keep their limits from being reached by a fair crowd. */
  sharing: readonly number[];
}

export interface Contestant {
  /** Event number n of conversation number n modulo `sharing[0]`, and so on for each rule. */
  take(n: number): Promise<boolean>;
  close(): Promise<void>;
}

const NAMES = ['conversation', 'send_text', 'user'];
/** Long enough that a loaded machine does not count as an outage. */
const TIMEOUT_MS = 5000;

/** Texts of ids as long as real ones, made once. */
function idsOf({ sharing }: Contest): string[][] {
  return sharing.map((count, rule) => Array.from({ length: count }, (_, n) => `${(NAMES[rule] as string).slice(0, 3)}_01jz8k4m9q2w7x${n}`));
}

async function ours(contest: Contest, opened: Promise<Limiter>): Promise<Contestant> {
  const limiter = await opened;
  const ids = idsOf(contest);
  const orgs = contest.sharing[1] ?? 100;
  const rulesOf = (n: number): WindowRule[] =>
    contest.limits.map((limit, rule) => ({ name: NAMES[rule] as string, key: ids[rule]?.[n % (contest.sharing[rule] as number)] as string, limit, windowMs: contest.seconds * 1000 }));
  return {
    take: async (n) => (await limiter.check({ org: `org_${n % orgs}`, rules: rulesOf(n) })).allowed,
    close: () => limiter.close(),
  };
}

const redisLimiter = (redisUrl: string, maxBatch?: number): Promise<Limiter> =>
  openRedisLimiter({ commands: connectRedis(redisUrl, (error) => void process.stderr.write(`${error.message}\n`)), clock: systemClock, prefix: 'bench', timeoutMs: TIMEOUT_MS, maxBatch });

/** The parts of rate-limiter-flexible (https://github.com/animir/node-rate-limiter-flexible) that are used. */
interface Flexible {
  consume(key: string): Promise<unknown>;
}
interface FlexibleModule {
  RateLimiterRedis: new (options: object) => Flexible;
  RateLimiterMemory: new (options: object) => Flexible & { delete(key: string): Promise<unknown> };
  RateLimiterUnion: new (...limiters: Flexible[]) => Flexible;
}
interface IoRedis {
  eval(script: string, keys: number, ...rest: string[]): Promise<unknown>;
  evalsha(sha: string, keys: number, ...rest: string[]): Promise<unknown>;
  disconnect(): void;
}

const peers = createRequire(new URL('./peers/package.json', import.meta.url));
const theirRedis = (redisUrl: string, options: object = {}): IoRedis => new (peers('ioredis') as { Redis: new (url: string, options: object) => IoRedis }).Redis(redisUrl, options);
export const flexible = (): FlexibleModule => peers('rate-limiter-flexible') as FlexibleModule;

/** Their denial is a rejection with what is left of the limit; anything else is an error. */
async function isAllowed(consumed: Promise<unknown>): Promise<boolean> {
  try {
    await consumed;
    return true;
  } catch (error) {
    if (error instanceof Error) throw error;
    return false;
  }
}

/** Of several rules, their union: one call per rule, which takes one key for all of them, so the key of each rule is added here. */
function theirs(contest: Contest, isPipelined: boolean): Contestant {
  const { RateLimiterRedis, RateLimiterUnion } = flexible();
  const redis = theirRedis(contest.redisUrl, { enableAutoPipelining: isPipelined });
  const ids = idsOf(contest);
  const limiters = contest.limits.map((points, rule) => new RateLimiterRedis({ storeClient: redis, keyPrefix: `flexible_${NAMES[rule]}`, points, duration: contest.seconds }));
  const [only, ...others] = limiters as [Flexible, ...Flexible[]];
  const limiter = others.length > 0 ? new RateLimiterUnion(...limiters) : only;
  const [first, count] = [ids[0] as string[], contest.sharing[0] as number];
  return {
    take: (n) => isAllowed(limiter.consume(first[n % count] as string)),
    close: async () => redis.disconnect(),
  };
}

/** Redis of the open source refuses the flags of its scripts' first line (https://redis.io/docs/latest/develop/programmability/lua-api/), so that line is left out. */
function upstash(contest: Contest): Contestant {
  const { Ratelimit } = peers('@upstash/ratelimit') as { Ratelimit: { new (options: object): { limit(key: string): Promise<{ success: boolean }> }; slidingWindow(limit: number, window: string): unknown } };
  const redis = theirRedis(contest.redisUrl);
  const ids = idsOf(contest)[0] as string[];
  const plain = {
    evalsha: async (): Promise<unknown> => Promise.reject(new Error('NOSCRIPT the digest is of the text with its first line')),
    eval: (script: string, keys: string[], args: unknown[]): Promise<unknown> => run(script, keys, args),
  };
  const digests = new Map<string, string>();
  async function run(script: string, keys: string[], args: unknown[]): Promise<unknown> {
    const text = script.replace(/^#!lua.*\n/, '');
    const rest = [...keys, ...args.map(String)];
    const digest = digests.get(text);
    if (digest !== undefined) return redis.evalsha(digest, keys.length, ...rest);
    const { createHash } = await import('node:crypto');
    digests.set(text, createHash('sha1').update(text).digest('hex'));
    return redis.eval(text, keys.length, ...rest);
  }
  const limiter = new Ratelimit({ redis: plain, limiter: Ratelimit.slidingWindow(contest.limits[0] as number, `${contest.seconds} s`), ephemeralCache: false, enableTelemetry: false, timeout: 0, prefix: 'upstash' });
  return { take: async (n) => (await limiter.limit(ids[n % ids.length] as string)).success, close: async () => redis.disconnect() };
}

async function resilient(redisUrl: string): Promise<Limiter> {
  return createResilientLimiter({ primary: await redisLimiter(redisUrl), local: createMemoryLimiter({ clock: systemClock }), clock: systemClock });
}

/** Null: it has nothing of the kind (several rules at once). */
export async function enter(name: ContestantName, contest: Contest): Promise<Contestant | null> {
  switch (name) {
    case 'ours, plain':
      return ours(contest, redisLimiter(contest.redisUrl, 1));
    case 'ours, batched':
      return ours(contest, redisLimiter(contest.redisUrl));
    case 'ours, resilient':
      return ours(contest, resilient(contest.redisUrl));
    case 'rate-limiter-flexible':
      return theirs(contest, false);
    case 'rate-limiter-flexible, auto-pipelining':
      return theirs(contest, true);
    case '@upstash/ratelimit':
      return contest.limits.length > 1 ? null : upstash(contest);
  }
}
