/** The limiter as a library: its drivers put together, for other applications as for this one. */
import type { IncomingMessage } from 'node:http';
import { systemClock, type Clock } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import { messageHash, type Duplicate, type Said } from '../domain/duplicate.ts';
import { createMemoryLimiter } from '../limiters/memory/index.ts';
import { expressMiddleware, fastifyPlugin, nestGuard, type GuardOptions, type Middleware, type NestGuardOptions, type RateLimitGuard, type RateLimitPlugin } from '../limiters/middleware/index.ts';
import { openPostgresLimiter, type Queryable } from '../limiters/postgres/index.ts';
import { commandsOf, connectRedis, openRedisLimiter, type RedisClient } from '../limiters/redis/index.ts';
import { createResilientLimiter } from '../limiters/resilient/index.ts';
import type { Limiter } from '../ports/limiter.ts';

/** Where limits are kept. Nothing of the three: in this process's memory. */
export interface RateLimiterOptions {
  /** A Redis to connect to (`redis://`, `rediss://`). */
  redisUrl?: string;
  /** Or a client of ioredis, iovalkey or the package `redis`, also a `Cluster` of ioredis. It stays yours: you close it. */
  redis?: RedisClient;
  /** Or a pool of `pg`, for deployments without Redis. Its `statement_timeout` should be short. */
  postgres?: Queryable;
  /** Of the keys in Redis. Default `chasqui`. */
  prefix?: string;
  /** Of the table in PostgreSQL. Default `chasqui`. */
  schema?: string;
  /** How long a store may take to decide before memory does, ms. Default 25; for PostgreSQL 250. */
  timeoutMs?: number;
  /** Keys in memory at the most. Default 1,000,000. */
  maxKeys?: number;
  /** Told when memory takes over (`memory`, and why) and when the store is back (`primary`). */
  onSwitch?(to: 'primary' | 'memory', reason: string | null): void;
  /** For tests. */
  clock?: Clock;
}

const REDIS_MS = 25;
const POSTGRES_MS = 250;

function invalid(option: string, must: string): never {
  throw new AppError('limit_invalid', `${option} must be ${must}`);
}

function wholeNumber(option: string, value: number | undefined, most: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= most)) return;
  invalid(option, `a whole number from 1 to ${most}, not ${value}`);
}

const isClient = (client: Partial<Record<'call' | 'sendCommand', unknown>>): boolean => typeof client?.call === 'function' || typeof client?.sendCommand === 'function';

function assertOptions({ redisUrl, redis, postgres, timeoutMs, maxKeys }: RateLimiterOptions): void {
  wholeNumber('timeoutMs', timeoutMs, 60_000);
  wholeNumber('maxKeys', maxKeys, 100_000_000);
  if (redisUrl !== undefined && !/^rediss?:$/.test(URL.parse(redisUrl)?.protocol ?? '')) invalid('redisUrl', 'an address such as redis://127.0.0.1:6379');
  if (redis !== undefined && !isClient(redis)) invalid('redis', 'a client of ioredis, iovalkey or the package "redis"');
  if (postgres !== undefined && typeof postgres?.query !== 'function') invalid('postgres', 'a pool of the package "pg"');
  if ([redisUrl, redis, postgres].filter((given) => given !== undefined).length > 1) invalid('redisUrl, redis and postgres', 'given one at the most');
}

async function openStore(options: RateLimiterOptions, clock: Clock): Promise<Limiter | null> {
  const { redisUrl, redis, postgres, prefix = 'chasqui', schema, timeoutMs } = options;
  if (postgres) return openPostgresLimiter({ database: postgres, clock, schema, timeoutMs: timeoutMs ?? POSTGRES_MS });
  // Its state is what ping and the deadlines say; the event tells nothing more.
  const commands = redis ? commandsOf(redis) : redisUrl ? connectRedis(redisUrl, () => undefined) : null;
  if (!commands) return null;
  return openRedisLimiter({ commands, clock, prefix, timeoutMs: timeoutMs ?? REDIS_MS });
}

/**
 * A rate limiter that always decides: exactly, over all processes, while its store answers; by this process's own counts while it does not.
 *
 * @throws AppError `limit_invalid` when an option cannot be used.
 */
export async function createRateLimiter(options: RateLimiterOptions = {}): Promise<Limiter> {
  assertOptions(options);
  const { clock = systemClock, maxKeys, onSwitch } = options;
  const local = createMemoryLimiter({ clock, maxKeys });
  const primary = await openStore(options, clock);
  return primary ? createResilientLimiter({ primary, local, clock, onSwitch }) : local;
}

/** Says whether a message came before. */
export interface Deduper {
  /** `windowMs`: how long a message is remembered, from the first one. */
  check(said: Said, windowMs?: number): Promise<Duplicate>;
  close(): Promise<void>;
}

const WINDOW_MS = 5000;

/**
 * Remembers messages for a while, over all processes, in the same stores as {@link createRateLimiter} and as tolerant of their failures. A memory of what
 * was seen, not of what was done: where a message must not be lost, a unique row in the transaction that stores it is what counts.
 */
export async function createDeduper(options: RateLimiterOptions & { limiter?: Limiter } = {}): Promise<Deduper> {
  const limiter = options.limiter ?? (await createRateLimiter(options));
  return {
    async check(said, windowMs = WINDOW_MS) {
      const hash = messageHash(said);
      const { isDuplicate, source } = await limiter.seen({ org: said.orgId, hash, windowMs });
      return { isDuplicate, hash, source };
    },
    close: async () => void (options.limiter ?? (await limiter.close())),
  };
}

type Guarded<Options> = Omit<Options, 'clock'> & { clock?: Clock };

/** {@link fastifyPlugin}. */
export const rateLimitPlugin = <Request>(options: Guarded<GuardOptions<Request>>): RateLimitPlugin<Request> => fastifyPlugin({ clock: systemClock, ...options });

/** {@link expressMiddleware}. */
export const rateLimitMiddleware = <Request extends IncomingMessage>(options: Guarded<GuardOptions<Request>>): Middleware<Request> =>
  expressMiddleware({ clock: systemClock, ...options });

/** {@link nestGuard}. */
export const rateLimitGuard = <Request>(options: Guarded<NestGuardOptions<Request>>): RateLimitGuard => nestGuard({ clock: systemClock, ...options });
