import type { Clock } from '../../domain/clock.ts';
import type { RedisFacts } from '../../ports/inspect.ts';
import { commandConnection, type RedisAddress } from './connections.ts';
import { durabilityOf } from './durability.ts';

const TIMEOUT_MS = 5_000;

/** What the Redis at `address` tells about itself. Throws the driver's error when it does not answer in time or refuses us. */
export async function inspectRedis(address: RedisAddress, clock: Clock): Promise<RedisFacts> {
  const redis = commandConnection(address, TIMEOUT_MS, 'chasqui:doctor');
  // Told by the call in progress.
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    const startedAt = clock.monotonic();
    await redis.ping();
    const latencyMs = clock.monotonic() - startedAt;
    return { ...(await durabilityOf(redis)), latencyMs };
  } finally {
    redis.disconnect();
  }
}
