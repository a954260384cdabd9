import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyRequest } from 'fastify';
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import { limitHeaders, limitProblem } from '../../src/domain/limit-headers.ts';
import type { LimitAsk, LimitDecision, WindowRule } from '../../src/domain/limit.ts';
import { createRateLimiter, rateLimitGuard, rateLimitMiddleware, rateLimitPlugin } from '../../src/index.ts';
import type { Limiter } from '../../src/index.ts';

const user: WindowRule = { name: 'user', key: 'ana', limit: 2, windowMs: 60_000 };
const org: WindowRule = { name: 'org-send', key: 'all', limit: 60, windowMs: 90_500, isPrivate: true };
const decision: LimitDecision = { allowed: true, count: 1, limit: 2, remaining: 1, resetAt: 61_000, retryAfterMs: 0, source: 'memory', rule: 'user' };
const denied: LimitDecision = { ...decision, allowed: false, count: 2, remaining: 0, resetAt: 21_001, retryAfterMs: 20_001 };

describe('the headers', () => {
  it('are those of the draft: policies and the one that decided, in whole seconds, rounded up', () => {
    expect(limitHeaders([user, { ...org, isPrivate: false }], decision, 1000)).toEqual({ 'RateLimit-Policy': '"user";q=2;w=60, "org-send";q=60;w=91', RateLimit: '"user";r=1;t=60' });
  });

  it('tell a denied one when to come back, no earlier than t', () => {
    expect(limitHeaders([user], denied, 1000)).toEqual({ 'RateLimit-Policy': '"user";q=2;w=60', RateLimit: '"user";r=0;t=21', 'Retry-After': '21' });
  });

  it('never name a private rule, also when it is the one that denied', () => {
    const byOrg = { ...denied, rule: 'org-send' };
    expect(limitHeaders([user, org], byOrg, 1000)).toEqual({ 'RateLimit-Policy': '"user";q=2;w=60', 'Retry-After': '21' });
    expect(limitProblem([user, org], byOrg)['violated-policies']).toEqual([]);
    expect(limitProblem([user, org], denied)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Too many requests',
      status: 429,
      detail: 'Try again in 21 s.',
      code: 'rate_limited',
      'violated-policies': ['user'],
    });
  });

  it('never go below zero when clocks differ', () => {
    expect(limitHeaders([user], decision, 90_000).RateLimit).toBe('"user";r=1;t=0');
  });
});

const rules = (): LimitAsk => ({ org: 'bakery', rules: [user, org] });
const failing: Pick<Limiter, 'check'> = { check: () => Promise.reject(new Error('no store')) };

describe('the Fastify plugin', () => {
  it('counts every route beside it, answers 429 with a problem, and leaves alone what has no rules', async () => {
    const app = Fastify();
    const options = { limiter: await createRateLimiter(), rules: (request: FastifyRequest) => (request.url === '/free' ? null : rules()) };
    app.register(rateLimitPlugin(options));
    app.get('/', async () => 'here');
    app.get('/free', async () => 'free');
    const [first, , third] = [await app.inject('/'), await app.inject('/'), await app.inject('/')];
    expect([first.statusCode, first.headers['ratelimit-policy'], first.headers.ratelimit]).toEqual([200, '"user";q=2;w=60', '"user";r=1;t=60']);
    expect([third.statusCode, third.headers['content-type'], third.headers['retry-after']]).toEqual([429, 'application/problem+json; charset=utf-8', '60']);
    expect(third.json()).toMatchObject({ status: 429, code: 'rate_limited', 'violated-policies': ['user'] });
    const free = await app.inject('/free');
    expect([free.statusCode, free.headers.ratelimit]).toEqual([200, undefined]);
    await app.close();
  });

  it('hands an error of the limiter to Fastify', async () => {
    const app = Fastify();
    app.register(rateLimitPlugin({ limiter: failing, rules }));
    app.get('/', async () => 'here');
    expect((await app.inject('/')).statusCode).toBe(500);
    await app.close();
  });
});

/** Express hands its middlewares what Node's server hands it, and a function to go on: https://expressjs.com/en/guide/writing-middleware.html */
describe('the middleware', () => {
  const servers: ReturnType<typeof createServer>[] = [];
  afterEach(() => void servers.splice(0).map((server) => server.close()));

  async function serve(limiter: Pick<Limiter, 'check'>): Promise<() => Promise<Response>> {
    const middleware = rateLimitMiddleware({ limiter, rules });
    const server = createServer((request, response) =>
      middleware(request, response, (error) => {
        response.statusCode = error ? 500 : 200;
        response.end(error instanceof Error ? error.message : 'here');
      }),
    ).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return () => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }

  it('goes on, or answers 429 with a problem', async () => {
    const get = await serve(await createRateLimiter());
    const [first, , third] = [await get(), await get(), await get()];
    expect([first.status, await first.text(), first.headers.get('ratelimit')]).toEqual([200, 'here', '"user";r=1;t=60']);
    expect([third.status, third.headers.get('content-type'), third.headers.get('retry-after')]).toEqual([429, 'application/problem+json; charset=utf-8', '60']);
    expect(await third.json()).toMatchObject({ code: 'rate_limited' });
  });

  it('hands an error to next', async () => {
    const get = await serve(failing);
    const answer = await get();
    expect([answer.status, await answer.text()]).toEqual([500, 'no store']);
  });
});

/** As in @nestjs/common: https://github.com/nestjs/nest/blob/master/packages/common/interfaces/features/can-activate.interface.ts */
interface CanActivate {
  canActivate(context: ExecutionContext): boolean | Promise<boolean>;
}
interface ExecutionContext {
  switchToHttp(): { getRequest<T>(): T; getResponse<T>(): T; getNext<T>(): T };
  getClass(): unknown;
}
/** As in @types/express. */
type RequestHandler = (request: IncomingMessage & { get(name: string): string | undefined }, response: ServerResponse & { json(body: unknown): void }, next: (error?: unknown) => void) => void | Promise<void>;

describe('the guard', () => {
  it('lets through with headers, or throws what the application wants thrown', async () => {
    class HttpException extends Error {}
    const guard: CanActivate = rateLimitGuard({ limiter: await createRateLimiter(), rules, toError: ({ detail }) => new HttpException(detail) });
    for (const response of [{ setHeader: (name: string, value: string) => set.push(`${name}: ${value}`) }, { header: (name: string, value: string) => set.push(`${name}: ${value}`) }]) {
      const context = { switchToHttp: () => ({ getRequest: () => ({}) as never, getResponse: () => response as never, getNext: () => undefined as never }), getClass: () => null };
      expect(await guard.canActivate(context)).toBe(true);
      expect(set.pop()).toMatch(/^RateLimit: "user";r=[01];t=60$/);
      if (set.length > 1) await expect(Promise.resolve(guard.canActivate(context))).rejects.toThrow(HttpException);
    }
    expect(set.at(-1)).toBe('Content-Type: application/problem+json; charset=utf-8');
  });
  const set: string[] = [];
});

describe('the types', () => {
  it('fit Express and NestJS without their packages', async () => {
    const limiter = await createRateLimiter();
    expectTypeOf(rateLimitMiddleware({ limiter, rules })).toExtend<RequestHandler>();
    expectTypeOf(rateLimitGuard({ limiter, rules, toError: ({ title }) => new Error(title) })).toExtend<CanActivate>();
    expectTypeOf(rateLimitMiddleware<IncomingMessage & { get(name: string): string | undefined }>).parameter(0).toHaveProperty('rules');
  });
});
