/** The limiter in front of HTTP handlers, for the frameworks that people use. None of them is imported: their shapes are enough. */
export { expressMiddleware, type Middleware } from './express.ts';
export { fastifyPlugin, type RateLimitPlugin } from './fastify.ts';
export type { GuardOptions } from './guard.ts';
export { nestGuard, type NestGuardOptions, type RateLimitGuard } from './nest.ts';
