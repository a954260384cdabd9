import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { HttpDeps } from './http-deps.ts';
import type { Once, Result } from './idempotency.ts';
import { ProblemError } from './problem.ts';
import { described } from './request-schema.ts';
import type { RouteDoc } from './request-schema.ts';
import * as shapes from './shapes.ts';

type ById = { Params: { id: string } };

const admin = (doc: Omit<RouteDoc, 'auth'>) => described({ ...doc, auth: 'admin' });
const unknown = (id: string) => new ProblemError('operation_unknown', `No operation has the id ${id}.`);

function readRoutes(app: FastifyInstance, { operate }: HttpDeps): void {
  app.get<{ Querystring: z.infer<typeof shapes.operationsQuery> }>(
    '/v1/operations',
    admin({ summary: 'Long operations, newest first', query: shapes.operationsQuery, answers: { 200: shapes.operations } }),
    async ({ query }) => {
      const operations = await operate.operations.list(query.limit);
      return { ok: true, count: operations.length, operations };
    },
  );
  app.get<ById>(
    '/v1/operations/:id',
    admin({ summary: 'How far a long operation has come', params: shapes.idParams, answers: { 200: shapes.operation } }),
    async ({ params }) => {
      const operation = await operate.operations.get(params.id);
      if (!operation) throw unknown(params.id);
      return { ok: true, ...operation };
    },
  );
  app.get<ById>(
    '/v1/jobs/:id',
    admin({ summary: 'What became of a job, and how far it has come', params: shapes.idParams, answers: { 200: shapes.job } }),
    async ({ params }) => {
      const job = await operate.job(params.id);
      if (!job) throw new ProblemError('job_unknown', `No job has the id ${params.id}, or it is older than the retention.`);
      return { ok: true, ...job };
    },
  );
}

async function cancel({ operate }: HttpDeps, id: string): Promise<Result> {
  const result = await operate.operations.cancel(id);
  if (result.kind === 'unknown') throw unknown(id);
  if (result.kind === 'ended') throw new ProblemError('operation_ended', `The operation is ${result.state}: there is nothing to cancel.`);
  return { status: 200, body: { ok: true, ...result.operation } };
}

async function resume({ operate }: HttpDeps, id: string): Promise<Result> {
  const result = await operate.operations.resume(id);
  switch (result.kind) {
    case 'resumed':
      return { status: 200, body: { ok: true, ...result.operation } };
    case 'unknown':
      throw unknown(id);
    case 'open':
      throw new ProblemError('operation_open', 'The operation is going on already.');
    case 'busy':
      throw new ProblemError('operation_open', 'Another operation of this kind is going on: cancel it, or wait for its end.');
    case 'completed':
      throw new ProblemError('operation_ended', 'The operation is completed: there is nothing left to do. Start a new one.');
  }
}

/** Long operations, and single jobs. Behind the admin guard. */
export function operationRoutes(app: FastifyInstance, deps: HttpDeps, once: Once): void {
  readRoutes(app, deps);
  const doc = (summary: string) => admin({ summary, params: shapes.idParams, answers: { 200: shapes.operation } });
  app.post<ById>('/v1/operations/:id/cancel', doc('Stops an operation after the step in hand'), (request, reply) =>
    once(request, reply, () => cancel(deps, request.params.id)),
  );
  app.post<ById>('/v1/operations/:id/resume', doc('Goes on with a cancelled or failed operation where it stopped'), (request, reply) =>
    once(request, reply, () => resume(deps, request.params.id)),
  );
}
