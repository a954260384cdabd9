import type { Clock } from '../../domain/clock.ts';
import { limitHeaders, limitProblem, type LimitProblem } from '../../domain/limit-headers.ts';
import type { LimitAsk } from '../../domain/limit.ts';
import type { Limiter } from '../../ports/limiter.ts';

/** What the adapters of all frameworks take. */
export interface GuardOptions<Request> {
  limiter: Pick<Limiter, 'check'>;
  /** What a request must pass; null: it is not limited. May be asynchronous, to look up an org's own limits. */
  rules(request: Request): LimitAsk | null | Promise<LimitAsk | null>;
  clock: Pick<Clock, 'now'>;
}

export interface Passage {
  /** For the answer, whatever it is. */
  headers: Record<string, string>;
  /** Null: go on. */
  problem: LimitProblem | null;
}

/** Asks the limiter about a request. An error of the limiter or of `rules` is the caller's. */
export async function passageOf<Request>({ limiter, rules, clock }: GuardOptions<Request>, request: Request): Promise<Passage> {
  const ask = await rules(request);
  if (!ask) return { headers: {}, problem: null };
  const decision = await limiter.check(ask);
  return { headers: limitHeaders(ask.rules, decision, clock.now()), problem: decision.allowed ? null : limitProblem(ask.rules, decision) };
}
