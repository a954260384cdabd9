import type { Settings } from '../config/index.ts';

type RedisSettings = Pick<Settings, 'redisUrl' | 'redisHost' | 'redisPort' | 'redisPassword'>;

/** The address of Redis as one text, secrets and all; null: Redis is not configured. */
export function redisUrl({ redisUrl: url, redisHost, redisPort, redisPassword }: RedisSettings): string | null {
  if (url !== undefined) return url;
  if (redisHost === undefined) return null;
  const host = redisHost.includes(':') ? `[${redisHost}]` : redisHost;
  const password = redisPassword === undefined ? '' : `:${encodeURIComponent(redisPassword)}@`;
  return `redis://${password}${host}:${redisPort}`;
}
