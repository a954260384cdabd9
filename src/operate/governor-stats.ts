import type { Limiter } from '../ports/limiter.ts';

/** What decides on messages at present, and what it decided in this process. */
export interface GovernorView {
  config: { serviceHoursEnabled: boolean; rateLimitEnabled: boolean; dedupeEnabled: boolean; maxRequestsPerMinute: number; dedupeWindowMs: number };
  /** Messages since this process started, by verdict. */
  verdicts: Record<string, number>;
}

export interface GovernorDeps {
  view(): GovernorView;
  /** Null while no limits are kept. */
  limiter: Pick<Limiter, 'stats'> | null;
}

/** `GET /admin/governor/stats`. */
export interface GovernorStats {
  config: Pick<GovernorView['config'], 'serviceHoursEnabled' | 'rateLimitEnabled' | 'dedupeEnabled'>;
  rateLimiter: {
    /** False as well where limits are not kept in Redis. */
    redisAvailable: boolean;
    memoryFallback: { ratesCount: number; dedupesCount: number };
    config: { maxRequestsPerMinute: number; dedupeWindowMs: number };
    redis: { activeRateLimitKeys: number; activeDedupeKeys: number };
  };
  verdicts: Record<string, number>;
}

const NONE = { source: 'memory', isAvailable: false, activeKeys: 0, activeMarks: 0, localKeys: 0, localMarks: 0 } as const;

/** Counters and settings only: nothing is searched for, in Redis or elsewhere. */
export async function governorStats({ view, limiter }: GovernorDeps): Promise<GovernorStats> {
  const { config, verdicts } = view();
  const { maxRequestsPerMinute, dedupeWindowMs, ...enabled } = config;
  const limits = limiter ? await limiter.stats() : NONE;
  const isRedis = limits.source === 'redis';
  return {
    config: enabled,
    rateLimiter: {
      redisAvailable: isRedis && limits.isAvailable,
      memoryFallback: { ratesCount: limits.localKeys, dedupesCount: limits.localMarks },
      config: { maxRequestsPerMinute, dedupeWindowMs },
      redis: { activeRateLimitKeys: isRedis ? (limits.activeKeys ?? 0) : 0, activeDedupeKeys: isRedis ? (limits.activeMarks ?? 0) : 0 },
    },
    verdicts,
  };
}
