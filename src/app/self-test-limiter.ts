import type { Clock } from '../domain/clock.ts';
import { keyOf } from '../limiters/key.ts';
import { createMemoryLimiter } from '../limiters/memory/index.ts';
import type { SelfTestTarget } from '../ports/inspect.ts';
import type { Limiter } from '../ports/limiter.ts';
import { redisUrl } from './redis-address.ts';

/** A limiter without memory behind it, so that a store in trouble shows. */
export interface TestLimiter {
  limiter: Limiter;
  where: string;
  cleanUp(): Promise<void>;
}

/** Patient: it is to be found out whether the store decides at all. */
const TIMEOUT_MS = 2_000;

/** Every key that the self-test makes. */
const RULES = [['org_self_test', 'few'], ['org_self_test', 'many'], ['org_self_test_2', 'few']] as const;

function keysOf(prefix: string): string[] {
  const rates = RULES.map(([org, name]) => keyOf(org, 'rate', { name, key: 'self_test' }));
  const mark = keyOf('org_self_test', 'seen', { name: '', key: 'self_test' });
  return [...rates, mark, '{active}:rate', '{active}:seen'].map((key) => `${prefix}:${key}`);
}

async function onRedis(url: string, prefix: string, clock: Clock): Promise<TestLimiter> {
  const { connectRedis, openRedisLimiter } = await import('../limiters/redis/index.ts');
  // What is wrong with the connection is told by the decisions.
  const commands = connectRedis(url, () => undefined);
  const limiter = await openRedisLimiter({ commands, clock, prefix, timeoutMs: TIMEOUT_MS });
  async function cleanUp(): Promise<void> {
    try {
      // Counts of active keys that are still here would be written at the end.
      await limiter.stats();
      for (const key of keysOf(prefix)) await commands.send('DEL', [key]);
    } finally {
      await limiter.close();
    }
  }
  return { limiter, where: 'Redis', cleanUp };
}

/** Removes what a self-test made in PostgreSQL. */
export async function dropSchema(options: { url: string; pooled: boolean; timeoutMs: number }, schema: string): Promise<void> {
  const { openQueries } = await import('../stores/postgres/queries.ts');
  const database = openQueries({ ...options, connections: 1 });
  try {
    await database.query(`drop schema if exists ${schema} cascade`);
  } finally {
    await database.close();
  }
}

async function onPostgres(url: string, { pooled, schema }: { pooled: boolean; schema: string }, clock: Clock): Promise<TestLimiter> {
  const [{ openQueries }, { openPostgresLimiter }] = await Promise.all([import('../stores/postgres/queries.ts'), import('../limiters/postgres/index.ts')]);
  const options = { url, pooled, timeoutMs: 2 * TIMEOUT_MS };
  const database = openQueries({ ...options, connections: 1 });
  try {
    const limiter = await openPostgresLimiter({ database, clock, schema, timeoutMs: TIMEOUT_MS });
    async function cleanUp(): Promise<void> {
      await limiter.close();
      await database.close();
      await dropSchema(options, schema);
    }
    return { limiter, where: 'PostgreSQL', cleanUp };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** The store that limits would be kept in, under a name that nothing else uses. */
export async function openTestLimiter(target: SelfTestTarget, name: string, clock: Clock): Promise<TestLimiter> {
  const { databaseUrl, databasePooled: pooled, redisKeyPrefix } = target;
  const url = redisUrl(target);
  if (url !== null) return onRedis(url, `${redisKeyPrefix}:${name}`, clock);
  if (databaseUrl !== undefined) return onPostgres(databaseUrl, { pooled, schema: `chasqui_limits_${name}` }, clock);
  const limiter = createMemoryLimiter({ clock });
  return { limiter, where: 'memory', cleanUp: () => limiter.close() };
}
