/**
 * Rate limits, as rules of a request. A window rule is a sliding log: of the events of the last `windowMs`, at most `limit`, at every instant and
 * not per calendar minute. A pace rule is GCRA (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm): one event per interval, a burst of so
 * many ahead of it. Limits are arguments of each decision, so that new settings count at once.
 */
import type { MarkAsk } from './duplicate.ts';
import { AppError } from './errors.ts';

/** At most `limit` events in any `windowMs`. The events belong to (org, name, key), whatever limit and window later asks give. */
export interface WindowRule {
  /** Says which rule it is, in results and headers: letters, digits, `_`, `.`, `-`; at most 40. Different in every rule of one ask. */
  name: string;
  /** Whom it counts for: a conversation, a user. 1 to 1,000 characters. */
  key: string;
  /** 1 to 10,000. */
  limit: number;
  /** 1 ms to 31 days. A longer window than before starts with what the shorter one had not yet forgotten. */
  windowMs: number;
  /** Kept out of HTTP headers, so that one user does not learn what all of an org does. */
  isPrivate?: boolean;
}

/** One event per `intervalMs`, and up to `burst` at once after a silence. */
export interface PaceRule {
  /** As in {@link WindowRule}. */
  name: string;
  key: string;
  /** 1 ms to 1 day. */
  intervalMs: number;
  /** 1 to 10,000. */
  burst: number;
}

/** One decision over several rules: all or nothing. */
export interface LimitAsk {
  /** Keeps the counts of orgs apart, and those of one org together where that matters (Redis Cluster). 1 to 200 characters. */
  org: string;
  /** 1 to 8. */
  rules: readonly WindowRule[];
  /** Events that this is worth, in every rule. At least 1 (the default), at most the smallest limit. */
  cost?: number;
}

export interface ReserveAsk {
  org: string;
  /** 1 to 8. */
  rules: readonly PaceRule[];
  /** Nothing is reserved when it would start later than this from now. 0 to 1 day. */
  maxWaitMs: number;
}

/** Who decided. */
export type LimitSource = 'redis' | 'postgres' | 'memory';

export interface LimitDecision {
  allowed: boolean;
  /** Events that count in `rule` now, with this one if it was allowed. */
  count: number;
  limit: number;
  /** Events for which there is room in `rule` now. */
  remaining: number;
  /** UTC ms. Allowed: when the oldest event of `rule` stops counting. Denied: when this very ask would be allowed. */
  resetAt: number;
  /** 0 when allowed. Otherwise the same ask succeeds after exactly this, unless others come first, and not 1 ms earlier. */
  retryAfterMs: number;
  source: LimitSource;
  /** Name of the rule that denied for longest; when allowed, of the one with least room left. */
  rule: string;
}

export type Reservation =
  /** Send at `startAt` (UTC ms), which is in `waitMs`; the place is taken. */
  | { reserved: true; startAt: number; waitMs: number; source: LimitSource; rule: string }
  /** It would have been later than asked; the same ask succeeds after `retryAfterMs`. Nothing was taken. */
  | { reserved: false; retryAfterMs: number; source: LimitSource; rule: string };

/** Beyond this a clock that goes back has been set, and the past is moved along; up to this, time stands still until it has caught up. */
export const STEP_BACK_MS = 2000;

/** The limiter's store did not decide: gone, frozen, or in trouble. Nothing is known about whether it counted the event. */
export class LimiterUnavailable extends AppError {
  constructor(reason: string, options?: ErrorOptions) {
    super('limiter_unavailable', `the rate limiter's store did not decide: ${reason}`, options);
  }
}

const MAX_RULES = 8;
const MAX_LIMIT = 10_000;
const DAY_MS = 86_400_000;
const LONGEST_MS = 31 * DAY_MS;
/** In the place of an ask that is missing, so that its first field is. */
const NOTHING = {} as never;
const NAME = /^[\w.-]{1,40}$/;

function invalid(field: string, must: string, value: unknown): never {
  throw new AppError('limit_invalid', `${field} must be ${must}, not ${typeof value === 'string' ? `"${value.slice(0, 60)}"` : String(value)}`);
}

/** Asked before every decision: the words of an error are put together only when there is one. */
const isWithin = (value: number, least: number, most: number): boolean => Number.isSafeInteger(value) && value >= least && value <= most;
const isText = (value: string, most: number): boolean => typeof value === 'string' && value.length > 0 && value.length <= most;

function wholeNumber(field: string, value: number, [least, most]: [number, number]): never {
  return invalid(field, `a whole number from ${least} to ${most}`, value);
}

function nameAndKey(rules: readonly { name: string; key: string }[]): void {
  if (!Array.isArray(rules)) invalid('rules', `a list of 1 to ${MAX_RULES} rules`, rules);
  if (rules.length === 0 || rules.length > MAX_RULES) invalid('rules', `1 to ${MAX_RULES} rules`, rules.length);
  for (let i = 0; i < rules.length; i++) {
    const { name, key } = (rules[i] ?? NOTHING) as { name: string; key: string };
    if (typeof name !== 'string' || !NAME.test(name)) invalid('name of a rule', '1 to 40 letters, digits, "_", "." or "-"', name);
    if (!isText(key, 1000)) invalid(`key of rule ${name}`, 'a text of 1 to 1000 characters', key);
    for (let before = 0; before < i; before++) if (rules[before]?.name === name) invalid('name of a rule', 'different from that of the others', name);
  }
}

/** @throws AppError `limit_invalid` that names the field. */
export function assertLimitAsk(ask: LimitAsk): void {
  const { org, rules, cost = 1 } = ask ?? NOTHING;
  if (!isText(org, 200)) invalid('org', 'a text of 1 to 200 characters', org);
  nameAndKey(rules);
  for (const { name, limit, windowMs } of rules) {
    if (!isWithin(limit, 1, MAX_LIMIT)) wholeNumber(`limit of rule ${name}`, limit, [1, MAX_LIMIT]);
    if (!isWithin(windowMs, 1, LONGEST_MS)) wholeNumber(`windowMs of rule ${name}`, windowMs, [1, LONGEST_MS]);
    if (!isWithin(cost, 1, limit)) wholeNumber(`cost (rule ${name} allows no more than its limit)`, cost, [1, limit]);
  }
}

/** @throws AppError `limit_invalid` that names the field. */
export function assertReserveAsk(ask: ReserveAsk): void {
  const { org, rules, maxWaitMs } = ask ?? NOTHING;
  assertPaces(org, rules);
  if (!isWithin(maxWaitMs, 0, DAY_MS)) wholeNumber('maxWaitMs', maxWaitMs, [0, DAY_MS]);
}

/** @throws AppError `limit_invalid` that names the field. */
export function assertPenalty(ask: { org: string; rule: PaceRule; forMs: number }): void {
  const { org, rule, forMs } = ask ?? NOTHING;
  assertPaces(org, [rule]);
  if (!isWithin(forMs, 1, DAY_MS)) wholeNumber('forMs', forMs, [1, DAY_MS]);
}

function assertPaces(org: string, rules: readonly PaceRule[]): void {
  if (!isText(org, 200)) invalid('org', 'a text of 1 to 200 characters', org);
  nameAndKey(rules);
  for (const { name, intervalMs, burst } of rules) {
    if (!isWithin(intervalMs, 1, DAY_MS)) wholeNumber(`intervalMs of rule ${name}`, intervalMs, [1, DAY_MS]);
    if (!isWithin(burst, 1, MAX_LIMIT)) wholeNumber(`burst of rule ${name}`, burst, [1, MAX_LIMIT]);
  }
}

/** @throws AppError `limit_invalid` that names the field. */
export function assertMarkAsk(ask: MarkAsk): void {
  const { org, hash, windowMs } = ask ?? NOTHING;
  if (!isText(org, 200)) invalid('org', 'a text of 1 to 200 characters', org);
  if (!isText(hash, 1000)) invalid('hash', 'a text of 1 to 1000 characters', hash);
  if (!isWithin(windowMs, 1, LONGEST_MS)) wholeNumber('windowMs', windowMs, [1, LONGEST_MS]);
}

/** How a store decided, in few numbers. */
export interface Ruling {
  allowed: boolean;
  /** Index of the rule that is reported. */
  index: number;
  count: number;
  /** Allowed: until the oldest event stops counting. Denied: until the ask would be allowed. */
  waitMs: number;
  /** The store's clock, UTC ms. */
  now: number;
}

export function decisionOf(ask: LimitAsk, { allowed, index, count, waitMs, now }: Ruling, source: LimitSource): LimitDecision {
  const { name, limit } = ask.rules[index] as WindowRule;
  const remaining = count < limit ? limit - count : 0;
  return { allowed, count, limit, remaining, resetAt: now + waitMs, retryAfterMs: allowed ? 0 : waitMs, source, rule: name };
}

export function reservationOf(ask: ReserveAsk, { allowed, index, waitMs, now }: Omit<Ruling, 'count'>, source: LimitSource): Reservation {
  const rule = (ask.rules[index] as PaceRule).name;
  return allowed ? { reserved: true, startAt: now + waitMs, waitMs, source, rule } : { reserved: false, retryAfterMs: waitMs, source, rule };
}
