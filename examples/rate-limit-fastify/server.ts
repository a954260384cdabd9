/**
 * Exact rate limits in front of a Fastify application: 3 requests per user in 10 s, and 100 per org in a minute, decided together.
 *
 *     REDIS_URL=redis://127.0.0.1:6379 node examples/rate-limit-fastify/server.ts
 *     curl -i -H 'x-org: bakery' -H 'x-user: ana' http://127.0.0.1:3000/
 *
 * Without REDIS_URL the limits are this process's own. While Redis is gone they are, too, and go on from what was counted.
 */
import Fastify, { type FastifyRequest } from 'fastify';
import { createRateLimiter, rateLimitPlugin } from '../../src/index.ts';

const limiter = await createRateLimiter({ redisUrl: process.env.REDIS_URL, prefix: 'example' });
const header = (request: FastifyRequest, name: string): string => String(request.headers[name] ?? 'nobody');

const app = Fastify();
app.register(
  rateLimitPlugin({
    limiter,
    rules: (request: FastifyRequest) => ({
      org: header(request, 'x-org'),
      rules: [
        { name: 'user', key: header(request, 'x-user'), limit: 3, windowMs: 10_000 },
        // Private: a user is not to learn from the headers what the whole org does.
        { name: 'org', key: 'all', limit: 100, windowMs: 60_000, isPrivate: true },
      ],
    }),
  }),
);
app.get('/', async () => ({ hello: 'world' }));
app.addHook('onClose', () => limiter.close());

const address = await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' });
console.log(`listening on ${address}`);
