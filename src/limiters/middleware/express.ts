import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMIT_PROBLEM_TYPE } from '../../domain/limit-headers.ts';
import { passageOf, type GuardOptions } from './guard.ts';

/** Express, Connect, and whatever else takes a function of request, response and next. */
export type Middleware<Request> = (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void;

/**
 * A middleware that asks the limiter before what follows it: `app.use(rateLimitMiddleware({ limiter, rules }))`. A denied request is answered 429 with a
 * problem document; every answer carries the `RateLimit` headers. An error goes to `next`.
 */
export function expressMiddleware<Request extends IncomingMessage>(options: GuardOptions<Request>): Middleware<Request> {
  async function guard(request: Request, response: ServerResponse): Promise<boolean> {
    const { headers, problem } = await passageOf(options, request);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (!problem) return true;
    response.statusCode = problem.status;
    response.setHeader('Content-Type', LIMIT_PROBLEM_TYPE);
    response.end(JSON.stringify(problem));
    return false;
  }
  return (request, response, next) => {
    guard(request, response).then((passes) => void (passes && next()), next);
  };
}
