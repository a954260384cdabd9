/**
 * Exact rate limits in front of a NestJS application: 3 requests per user in 10 s.
 *
 *     npm install
 *     REDIS_URL=redis://127.0.0.1:6379 node server.ts
 *     curl -i -H 'x-user: ana' http://127.0.0.1:3000/
 *
 * Without REDIS_URL the limits are this process's own. While Redis is gone they are, too, and go on from what was counted.
 *
 * Node runs this file as it is, and Node knows no decorators: they are called as the functions they are. With a compiler, write `@Controller()`,
 * `@Get()` and `@Module({ … })` as usual; the guard is the same.
 */
import 'reflect-metadata';
import { Controller, Get, HttpException, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createRateLimiter, rateLimitGuard } from '../../src/index.ts';

class HelloController {
  hello(): { hello: string } {
    return { hello: 'world' };
  }
}
Get()(HelloController.prototype, 'hello', Object.getOwnPropertyDescriptor(HelloController.prototype, 'hello') as PropertyDescriptor);
Controller()(HelloController);

class AppModule {}
Module({ controllers: [HelloController] })(AppModule);

const limiter = await createRateLimiter({ redisUrl: process.env.REDIS_URL, prefix: 'example' });
const guard = rateLimitGuard({
  limiter,
  rules: (request: { headers: Record<string, string | undefined> }) => ({
    org: 'bakery',
    rules: [{ name: 'user', key: request.headers['x-user'] ?? 'nobody', limit: 3, windowMs: 10_000 }],
  }),
  toError: (problem) => new HttpException(problem, problem.status),
});

const app = await NestFactory.create(AppModule, { logger: false });
// In a module of your own: { provide: APP_GUARD, useValue: guard }.
app.useGlobalGuards(guard);
await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
console.log(`listening on ${await app.getUrl()}`);
