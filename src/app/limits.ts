import type { Settings } from '../config/index.ts';
import type { Clock } from '../domain/clock.ts';
import { createMemoryLimiter } from '../limiters/memory/index.ts';
import { createResilientLimiter } from '../limiters/resilient/index.ts';
import type { Limiter } from '../ports/limiter.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { BreakerView } from './breakers.ts';
import { redisUrl } from './redis-address.ts';

/** The limits of this process. */
export interface Limits {
  readonly limiter: Limiter;
  /** None where limits are in memory by choice. */
  breakers(): BreakerView[];
  /** `limiter` while memory stands in for the store. */
  degraded(): string[];
  close(): Promise<void>;
}

interface Deps {
  clock: Clock;
  telemetry: Telemetry;
}

/** Where counts are kept that processes share; closed after the limiter. */
interface Primary {
  limiter: Limiter;
  name: string;
  close(): Promise<void>;
}

/** How long Redis may take to decide, ms. */
const REDIS_MS = 25;
/** The same for PostgreSQL, which may have to lock. */
const POSTGRES_MS = 250;
/** What a statement of the limiter may take before its connection is given up, ms. */
const STATEMENT_MS = 2_000;
const CONNECTIONS = 2;

async function onRedis(url: string, { redisKeyPrefix }: Settings, { clock, telemetry }: Deps): Promise<Primary> {
  const { connectRedis, openRedisLimiter } = await import('../limiters/redis/index.ts');
  const commands = connectRedis(url, (error) => telemetry.log.debug({ err: error }, 'connection of the limiter to Redis'));
  const limiter = await openRedisLimiter({ commands, clock, prefix: redisKeyPrefix, timeoutMs: REDIS_MS });
  return { limiter, name: 'limiter redis', close: async () => {} };
}

async function onPostgres(url: string, { databasePooled: pooled }: Settings, { clock }: Deps): Promise<Primary> {
  const [{ openQueries }, { openPostgresLimiter }] = await Promise.all([import('../stores/postgres/queries.ts'), import('../limiters/postgres/index.ts')]);
  const database = openQueries({ url, pooled, connections: CONNECTIONS, timeoutMs: STATEMENT_MS });
  try {
    const limiter = await openPostgresLimiter({ database, clock, timeoutMs: POSTGRES_MS });
    return { limiter, name: 'limiter postgres', close: () => database.close() };
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function openPrimary(settings: Settings, deps: Deps): Promise<Primary | null> {
  const url = redisUrl(settings);
  if (url !== null) return onRedis(url, settings, deps);
  return settings.databaseUrl === undefined ? null : onPostgres(settings.databaseUrl, settings, deps);
}

/** Redis where it is configured, else PostgreSQL where that is; with memory behind either of them, and alone where neither is. */
export async function openLimits(settings: Settings, deps: Deps): Promise<Limits> {
  const { clock, telemetry } = deps;
  const local = createMemoryLimiter({ clock });
  const primary = await openPrimary(settings, deps);
  if (!primary) return { limiter: local, breakers: () => [], degraded: () => [], close: () => local.close() };
  const { name } = primary;
  let isOut = false;
  const onSwitch = (to: 'primary' | 'memory', reason: string | null): void => {
    isOut = to === 'memory';
    telemetry.meter.gauge('degraded_mode', { name: 'limiter' }, isOut ? 1 : 0);
    if (isOut) telemetry.log.warn({ reason }, `[RESILIENCE] ${name} does not answer: limits are counted in memory, by each process for itself`);
    else telemetry.log.info({}, `[RESILIENCE] ${name} answers again`);
  };
  const limiter = createResilientLimiter({ primary: primary.limiter, local, clock, onSwitch });
  return {
    limiter,
    breakers: () => [{ name, state: isOut ? 'open' : 'closed' }],
    degraded: () => (isOut ? ['limiter'] : []),
    close: async () => {
      await limiter.close();
      await primary.close();
    },
  };
}
