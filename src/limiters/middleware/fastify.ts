import { LIMIT_PROBLEM_TYPE } from '../../domain/limit-headers.ts';
import { passageOf, type GuardOptions } from './guard.ts';

/** What is used of Fastify's reply (https://fastify.dev/docs/latest/Reference/Reply/). */
interface ReplyLike {
  headers(values: Record<string, string>): unknown;
  code(status: number): unknown;
  send(body: string): unknown;
}

/** What is used of a Fastify instance. */
interface InstanceLike<Request> {
  addHook(name: 'preHandler', hook: (request: Request, reply: ReplyLike) => Promise<unknown>): unknown;
}

/** A plugin, by its shape: no package of Fastify is needed to name it. */
export interface RateLimitPlugin<Request> {
  (app: InstanceLike<Request>, options: object): Promise<void>;
}

/**
 * A Fastify plugin that asks the limiter before each handler of the instance where it is registered, and of those inside it: `app.register(rateLimitPlugin(
 * { limiter, rules }))`. A denied request is answered 429 with a problem document; every answer carries the `RateLimit` headers.
 */
export function fastifyPlugin<Request>(options: GuardOptions<Request>): RateLimitPlugin<Request> {
  async function plugin(app: InstanceLike<Request>): Promise<void> {
    app.addHook('preHandler', async (request, reply) => {
      const { headers, problem } = await passageOf(options, request);
      reply.headers(headers);
      if (!problem) return undefined;
      reply.headers({ 'content-type': LIMIT_PROBLEM_TYPE });
      reply.code(problem.status);
      reply.send(JSON.stringify(problem));
      return reply;
    });
  }
  // The hook belongs to the instance that registers it, not to a scope of its own: https://fastify.dev/docs/latest/Reference/Plugins/
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true, [Symbol.for('fastify.display-name')]: 'chasqui-rate-limit' });
}
