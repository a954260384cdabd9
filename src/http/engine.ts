import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { HttpDeps } from './http-deps.ts';
import type { Once, Result } from './idempotency.ts';
import { ProblemError } from './problem.ts';
import { checkedBody, described } from './request-schema.ts';
import * as shapes from './shapes.ts';

async function change({ operate }: HttpDeps, { mode, force }: z.output<typeof shapes.engineBody>): Promise<Result> {
  const result = await operate.engine.change(mode, force ?? false);
  switch (result.kind) {
    case 'done':
      return { status: 200, body: { ok: true, from: result.from, to: result.to } };
    case 'no_redis':
      throw new ProblemError('engine_unavailable', `Redis is not configured here, so the engine cannot be ${mode}. Set REDIS_URL in every process first.`);
    case 'both_first':
      throw new ProblemError('engine_both_first', 'Move to `both` first, so that wake-ups are in Redis before they are relied on; or send {"force": true}.');
  }
}

/** Where wake-ups come from, and moving that while everything runs. Behind the admin guard. */
export function engineRoutes(app: FastifyInstance, deps: HttpDeps, once: Once): void {
  const view = described({ summary: 'Where wake-ups come from, in all processes, and what they leave out', auth: 'admin', answers: { 200: shapes.engineView } });
  app.get('/v1/engine', view, async () => ({ ok: true, ...(await deps.operate.engine.view()) }));
  const move = described({ summary: 'Decides for all processes where wake-ups come from', auth: 'admin', body: shapes.engineBody, answers: { 200: shapes.engineMoved } });
  app.post('/v1/engine', move, (request, reply) => once(request, reply, () => change(deps, checkedBody(shapes.engineBody, request.body))));
}
