/**
 * Exact rate limits in front of an Express application: 3 requests per user in 10 s.
 *
 *     npm install
 *     REDIS_URL=redis://127.0.0.1:6379 node server.ts
 *     curl -i -H 'x-user: ana' http://127.0.0.1:3000/
 *
 * Without REDIS_URL the limits are this process's own. While Redis is gone they are, too, and go on from what was counted.
 */
import type { AddressInfo } from 'node:net';
import express, { type Request } from 'express';
import { createRateLimiter, rateLimitMiddleware } from '../../src/index.ts';

const limiter = await createRateLimiter({ redisUrl: process.env.REDIS_URL, prefix: 'example' });

const app = express();
app.use(
  rateLimitMiddleware({
    limiter,
    rules: (request: Request) => ({ org: 'bakery', rules: [{ name: 'user', key: request.get('x-user') ?? 'nobody', limit: 3, windowMs: 10_000 }] }),
  }),
);
app.get('/', (_request, response) => {
  response.json({ hello: 'world' });
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
