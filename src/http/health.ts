import type { FastifyInstance } from 'fastify';
import type { HttpDeps, HttpSettings } from './http-deps.ts';
import { ProblemError } from './problem.ts';
import { described } from './request-schema.ts';
import type { RouteDoc } from './request-schema.ts';
import * as shapes from './shapes.ts';

const PING_MS = 1000;

const open = (doc: Omit<RouteDoc, 'auth'>) => described({ ...doc, auth: 'none' });

/** Null when the store answers in time, otherwise why it does not. */
async function storeTrouble({ store, clock }: HttpDeps): Promise<string | null> {
  const over = new AbortController();
  const late = clock.sleep(PING_MS, over.signal).then(() => `the store did not answer within ${PING_MS} ms`);
  try {
    return await Promise.race([store.ping().then(() => null), late]);
  } catch (error) {
    return `the store does not answer: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
}

async function requireStore(deps: HttpDeps): Promise<void> {
  const trouble = await storeTrouble(deps);
  if (trouble) throw new ProblemError('not_ready', trouble);
}

function probeRoutes(app: FastifyInstance, deps: HttpDeps): void {
  const { lifecycle } = deps;
  const ok = { status: 'ok' };
  app.get('/livez', open({ summary: 'The process is alive', answers: { 200: shapes.alive } }), async () => ok);
  app.get('/startupz', open({ summary: 'The process has started', answers: { 200: shapes.alive, 503: shapes.problemShape } }), async () => {
    if (lifecycle.phase() === 'starting') throw new ProblemError('not_ready', 'still starting');
    return ok;
  });
  app.get('/readyz', open({ summary: 'Send traffic here', answers: { 200: shapes.alive, 503: shapes.problemShape } }), async () => {
    const phase = lifecycle.phase();
    if (phase !== 'ready') throw new ProblemError('not_ready', phase);
    await requireStore(deps);
    return ok;
  });
}

async function resilience(deps: HttpDeps) {
  const { lifecycle, operate, store, telemetry } = deps;
  const trouble = await storeTrouble(deps);
  const stats = trouble
    ? null
    : await operate.stats.resilience().catch((error: unknown) => {
        telemetry.log.warn({ err: error }, 'no figures for /health/resilience');
        return null;
      });
  const degraded = [...lifecycle.degraded(), ...(stats ? [] : ['store']), ...(stats?.engine.paused ? ['engine_paused'] : [])];
  return {
    initialized: lifecycle.initialized,
    queue: stats?.queue ?? null,
    shutdownHandlers: lifecycle.handlers,
    engine: stats?.engine ?? null,
    store: { kind: store.kind },
    degraded,
    breakers: lifecycle.breakers(),
  };
}

/** Probes, and what the process knows about its own state. None of them asks who is asking. */
export function healthRoutes(app: FastifyInstance, deps: HttpDeps, { version }: Pick<HttpSettings, 'version'>): void {
  probeRoutes(app, deps);
  const health = open({ summary: 'Phase, version, and whether the store answers', answers: { 200: shapes.health, 503: shapes.problemShape } });
  app.get('/health', health, async () => {
    await requireStore(deps);
    return { status: 'ok', phase: deps.lifecycle.phase(), version, store: { kind: deps.store.kind } };
  });
  app.get('/health/resilience', open({ summary: 'What is degraded', answers: { 200: shapes.resilience } }), () => resilience(deps));
}
