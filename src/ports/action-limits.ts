import type { Action } from '../domain/action.ts';
import type { OrgId } from '../domain/ids.ts';
import type { LimitDecision, WindowRule } from '../domain/limit.ts';

/** Denied, with what a caller has to be told (`src/domain/limit-headers.ts`). Instants are UTC ms. */
export interface ActionDenied {
  allowed: false;
  rules: readonly WindowRule[];
  decision: LimitDecision;
  now: number;
}

/** How often actions may be done: per org and action, over all processes. */
export interface ActionLimits {
  /** Counts the action, or denies it and counts nothing. Never rejects because a limiter's store is in trouble. */
  take(orgId: OrgId, action: Action): Promise<{ allowed: true } | ActionDenied>;
}
