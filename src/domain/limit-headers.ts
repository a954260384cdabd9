/**
 * What a rate limit says over HTTP: `RateLimit-Policy` and `RateLimit`
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/, revision 10 and its editors' copy), `Retry-After`
 * (https://www.rfc-editor.org/rfc/rfc9110#name-retry-after), and a problem document (https://www.rfc-editor.org/rfc/rfc9457).
 */
import type { LimitDecision, WindowRule } from './limit.ts';

const MS = 1000;

/** Whole seconds, rounded up: who waits that long has waited long enough. */
const seconds = (ms: number): number => Math.ceil(ms / MS);

/** Structured fields: an item is a String, its parameters Integers. Names of rules need no escaping. */
const policyOf = ({ name, limit, windowMs }: WindowRule): string => `"${name}";q=${limit};w=${Math.max(1, seconds(windowMs))}`;

/**
 * The headers of an answer, whether it was allowed or not. Private rules are not named: an answer that only they decided has no `RateLimit`, and when
 * denied still a `Retry-After`. `now`: UTC ms.
 */
export function limitHeaders(rules: readonly WindowRule[], decision: LimitDecision, now: number): Record<string, string> {
  const shown = rules.filter(({ isPrivate }) => !isPrivate);
  const { allowed, rule, remaining, resetAt, retryAfterMs } = decision;
  const headers: Record<string, string> = {};
  if (shown.length > 0) headers['RateLimit-Policy'] = shown.map(policyOf).join(', ');
  if (shown.some(({ name }) => name === rule)) {
    const untilMs = allowed ? Math.max(0, resetAt - now) : retryAfterMs;
    headers.RateLimit = `"${rule}";r=${remaining};t=${seconds(untilMs)}`;
  }
  if (!allowed) headers['Retry-After'] = String(Math.max(1, seconds(retryAfterMs)));
  return headers;
}

export interface LimitProblem {
  type: string;
  title: string;
  status: 429;
  detail: string;
  code: 'rate_limited';
  'violated-policies': string[];
}

export const LIMIT_PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** The body of a 429. The type is the one that the draft registers for an exceeded quota. */
export function limitProblem(rules: readonly WindowRule[], { rule, retryAfterMs }: LimitDecision): LimitProblem {
  const isShown = rules.some(({ name, isPrivate }) => name === rule && !isPrivate);
  return {
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Too many requests',
    status: 429,
    detail: `Try again in ${Math.max(1, seconds(retryAfterMs))} s.`,
    code: 'rate_limited',
    'violated-policies': isShown ? [rule] : [],
  };
}
