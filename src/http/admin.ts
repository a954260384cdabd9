import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { HttpDeps } from './http-deps.ts';
import type { Once } from './idempotency.ts';
import { ProblemError, rateLimited } from './problem.ts';
import { described } from './request-schema.ts';
import type { RouteDoc } from './request-schema.ts';
import * as shapes from './shapes.ts';

const admin = (doc: Omit<RouteDoc, 'auth'>) => described({ ...doc, auth: 'admin' });

type Job = { Params: { jobId: string } };

const unknownJob = (jobId: string) => new ProblemError('job_unknown', `No dead letter has the id ${jobId}: it was retried, discarded or never there.`);

function listRoutes(app: FastifyInstance, { operate }: HttpDeps): void {
  app.get<{ Querystring: z.infer<typeof shapes.dlqQuery> }>(
    '/admin/dlq',
    admin({ summary: 'Dead letters, newest first', query: shapes.dlqQuery, answers: { 200: shapes.dlqPage } }),
    async (request) => {
      const { limit, cursor, ...filter } = request.query;
      return { ok: true, ...(await operate.deadLetters.list(filter, { limit, cursor })) };
    },
  );
  app.get('/admin/dlq/stats', admin({ summary: 'How many dead letters, and why', answers: { 200: shapes.dlqStats } }), async () => ({
    ok: true,
    ...(await operate.deadLetters.stats()),
  }));
  app.get('/admin/stats', admin({ summary: 'The queue and its dead letters', answers: { 200: shapes.adminStats } }), async () => ({
    ok: true,
    ...(await operate.stats.admin()),
  }));
  app.get('/admin/governor/stats', admin({ summary: 'What decides on messages, and what it decided', answers: { 200: shapes.governorStats } }), async () => ({
    ok: true,
    ...(await operate.stats.governor()),
  }));
}

async function retryOne({ operate }: HttpDeps, jobId: string) {
  const result = await operate.deadLetters.retry(jobId);
  switch (result.kind) {
    case 'retried':
      return { status: 200, body: { ok: true, jobId, retriedAs: result.retriedAs } };
    case 'unknown':
      throw unknownJob(jobId);
    case 'already':
      throw new ProblemError('already_retried', `${jobId} was retried already.`);
    case 'limited':
      throw rateLimited(result.denied);
    case 'human_owns':
      throw new ProblemError('human_owns', 'Give the conversation back to the bot first, or discard the dead letter.');
  }
}

function retryRoutes(app: FastifyInstance, deps: HttpDeps, once: Once): void {
  const one = admin({ summary: 'Retries one dead letter', params: shapes.jobParams, answers: { 200: shapes.dlqRetried } });
  app.post<Job>('/admin/dlq/retry/:jobId', one, (request, reply) => once(request, reply, () => retryOne(deps, request.params.jobId)));
  const all = admin({ summary: "Retries all, in each conversation's order, in the background", answers: { 202: shapes.dlqRetryAll } });
  app.post('/admin/dlq/retry-all', all, (request, reply) =>
    once(request, reply, async () => ({ status: 202, body: { ok: true, ...(await deps.operate.deadLetters.retryAll()) } })),
  );
}

async function purge({ operate }: HttpDeps, body: unknown) {
  const confirm = typeof body === 'object' && body !== null && 'confirm' in body ? body.confirm : undefined;
  const result = await operate.deadLetters.purge(confirm);
  if (result.kind === 'purged') {
    const { purged, operationId, finished } = result;
    return { status: finished ? 200 : 202, body: { ok: true, purged, operationId } };
  }
  throw new ProblemError('confirmation_required', 'Send {"confirm": "DELETE_ALL_DLQ_JOBS"} to delete every dead letter.', {
    errors: [{ field: 'body.confirm', message: 'must be exactly DELETE_ALL_DLQ_JOBS' }],
  });
}

function deleteRoutes(app: FastifyInstance, deps: HttpDeps, once: Once): void {
  const one = admin({ summary: 'Discards one dead letter', params: shapes.jobParams, answers: { 200: shapes.dlqDiscarded } });
  app.delete<Job>('/admin/dlq/:jobId', one, (request, reply) =>
    once(request, reply, async () => {
      const { jobId } = request.params;
      if (!(await deps.operate.deadLetters.discard(jobId))) throw unknownJob(jobId);
      return { status: 200, body: { ok: true, jobId } };
    }),
  );
  const all = admin({ summary: 'Discards every dead letter', body: shapes.purgeBody, answers: { 200: shapes.dlqPurged, 202: shapes.dlqPurged } });
  app.delete('/admin/dlq', all, (request, reply) => once(request, reply, () => purge(deps, request.body)));
}

function statsRoute(app: FastifyInstance, { operate }: HttpDeps): void {
  app.get('/chatwoot/stats', admin({ summary: 'Queue, cache and worker of this process', answers: { 200: shapes.chatwootStats } }), async () => ({
    ok: true,
    ...(await operate.stats.chatwoot()),
  }));
}

/** What operators do. Every route here is behind the admin guard. */
export function adminRoutes(app: FastifyInstance, deps: HttpDeps, once: Once): void {
  listRoutes(app, deps);
  retryRoutes(app, deps, once);
  deleteRoutes(app, deps, once);
  statsRoute(app, deps);
}
