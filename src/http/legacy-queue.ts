import type { FastifyInstance } from 'fastify';
import { AppError } from '../domain/errors.ts';
import type { ErrorCode } from './error-codes.ts';
import type { HttpDeps } from './http-deps.ts';
import type { Once, Result } from './idempotency.ts';
import { ProblemError } from './problem.ts';
import { InvalidRequest, described, fieldErrors } from './request-schema.ts';
import type { RouteDoc } from './request-schema.ts';
import * as shapes from './shapes.ts';

const admin = (doc: Omit<RouteDoc, 'auth'>) => described({ ...doc, auth: 'admin' });

const TOLD: Record<string, ErrorCode> = { import_refused: 'import_refused', config_invalid: 'import_refused', legacy_queue_failed: 'legacy_queue_failed' };

/** What the table queue said is the answer: its messages hold no secrets. */
async function told<T>(ask: Promise<T>): Promise<T> {
  try {
    return await ask;
  } catch (error) {
    const code = error instanceof AppError ? TOLD[error.code] : undefined;
    throw code ? new ProblemError(code, (error as AppError).message) : error;
  }
}

async function startImport({ operate }: HttpDeps, body: unknown): Promise<Result> {
  const asked = shapes.importBody.safeParse(body ?? {});
  if (!asked.success) throw new InvalidRequest(fieldErrors(asked.error, 'body'));
  const started = await told(operate.legacy.importJobs(asked.data));
  if (started.kind === 'busy') throw new ProblemError('operation_open', `An import is going on: ${started.operationId}. Cancel it, or wait for its end.`);
  return { status: 202, body: { ok: true, operationId: started.operationId, total: started.total } };
}

/** The table queue that Chasqui takes over. Behind the admin guard. */
export function legacyRoutes(app: FastifyInstance, deps: HttpDeps, once: Once): void {
  app.get('/v1/legacy-queue', admin({ summary: 'The table queue: its rows, and where they and the jobs differ', answers: { 200: shapes.legacyQueue } }), async () => {
    const report = await told(deps.operate.legacy.report());
    if (!report) throw new ProblemError('legacy_queue_unknown', 'Set legacyQueue in chasqui.config.ts (docs/legacy-queue.md).');
    return { ok: true, ...report };
  });
  app.post('/v1/imports', admin({ summary: 'Takes all waiting rows of a table queue, in the background', body: shapes.importBody, answers: { 202: shapes.importStarted } }), (request, reply) =>
    once(request, reply, () => startImport(deps, request.body)),
  );
}
