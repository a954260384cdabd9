import type { FastifyInstance } from 'fastify';
import type { HttpDeps } from './http-deps.ts';
import type { Once } from './idempotency.ts';
import { ProblemError } from './problem.ts';
import { described } from './request-schema.ts';
import * as shapes from './shapes.ts';

/** What this process is configured to do, and a way to read that again. Behind the admin guard. */
export function configurationRoutes(app: FastifyInstance, { configuration }: HttpDeps, once: Once): void {
  const summary = 'Every setting in force in this process with its origin, secrets redacted';
  app.get('/v1/config', described({ summary, auth: 'admin', answers: { 200: shapes.configuration } }), async () => ({ ok: true, ...configuration.view() }));
  const reload = described({ summary: 'Reads the configuration of this process again', auth: 'admin', answers: { 200: shapes.reloaded, 422: shapes.problemShape } });
  app.post('/v1/config/reload', reload, (request, reply) =>
    once(request, reply, async () => {
      const result = await configuration.reload();
      if (result.kind === 'refused') throw new ProblemError('config_refused', result.why);
      const nothing = { added: [], removed: [], changed: [] };
      const change = result.kind === 'reloaded' ? result.change : { settings: [], needsRestart: [], orgs: nothing, channels: nothing };
      return { status: 200, body: { ok: true, changed: result.kind === 'reloaded', ...change } };
    }),
  );
}
