import { ACTION_LIMITS } from '../domain/action.ts';
import type { WindowRule } from '../domain/limit.ts';
import type { ActionLimits } from '../ports/action-limits.ts';
import type { House } from './house.ts';

const MINUTE_MS = 60_000;

/** Limits per org and action, with the overrides of the configuration that counts now. */
export function createActionLimits({ live, limits: { limiter }, clock, telemetry }: Pick<House, 'live' | 'limits' | 'clock' | 'telemetry'>): ActionLimits {
  return {
    async take(orgId, action) {
      const org = live.config.orgs.find(({ id }) => id === orgId);
      const rules: WindowRule[] = [{ name: action, key: 'all', limit: (org?.limits ?? ACTION_LIMITS)[action], windowMs: MINUTE_MS }];
      const decision = await limiter.check({ org: orgId, rules });
      if (decision.allowed) return { allowed: true };
      telemetry.meter.count('inbox_rate_limit_hits', { org_id: orgId, action });
      return { allowed: false, rules, decision, now: clock.now() };
    },
  };
}
