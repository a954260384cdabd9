import { LIMIT_PROBLEM_TYPE, type LimitProblem } from '../../domain/limit-headers.ts';
import { passageOf, type GuardOptions } from './guard.ts';

/** What is used of Nest's `ExecutionContext` (https://docs.nestjs.com/fundamentals/execution-context). */
interface ContextLike {
  switchToHttp(): { getRequest(): unknown; getResponse(): unknown };
}

/** Express' response has `setHeader`, Fastify's reply `header`. */
type ResponseLike = { setHeader(name: string, value: string): unknown } | { header(name: string, value: string): unknown };

export interface NestGuardOptions<Request> extends GuardOptions<Request> {
  /** Makes the error of a denied request: `(problem) => new HttpException(problem, problem.status)`. */
  toError(problem: LimitProblem): Error;
}

/** Fits Nest's `CanActivate`. */
export interface RateLimitGuard {
  canActivate(context: ContextLike): Promise<boolean>;
}

/**
 * A guard for NestJS: `app.useGlobalGuards(rateLimitGuard({ limiter, rules, toError }))`, or the value of a provider for `APP_GUARD`. Every answer
 * carries the `RateLimit` headers; a denied request throws what `toError` makes, which Nest's filters turn into the answer.
 */
export function nestGuard<Request>({ toError, ...options }: NestGuardOptions<Request>): RateLimitGuard {
  return {
    async canActivate(context) {
      const http = context.switchToHttp();
      const { headers, problem } = await passageOf(options, http.getRequest() as Request);
      const response = http.getResponse() as ResponseLike;
      const all = problem ? { ...headers, 'Content-Type': LIMIT_PROBLEM_TYPE } : headers;
      for (const [name, value] of Object.entries(all)) {
        if ('setHeader' in response) response.setHeader(name, value);
        else response.header(name, value);
      }
      if (problem) throw toError(problem);
      return true;
    },
  };
}
