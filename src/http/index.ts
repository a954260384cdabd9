import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../domain/clock.ts';
import { ConfigError } from '../domain/errors.ts';
import { createAdminGuard } from './admin-guard.ts';
import { adminRoutes } from './admin.ts';
import { configurationRoutes } from './configuration.ts';
import { engineRoutes } from './engine.ts';
import { eventRoutes } from './event-stream.ts';
import { answerBrokenRequest, createErrorHandler } from './error-handler.ts';
import { healthRoutes } from './health.ts';
import type { HttpDeps, HttpSettings } from './http-deps.ts';
import { createOnce } from './idempotency.ts';
import { legacyRoutes } from './legacy-queue.ts';
import { metricsRoutes } from './metrics.ts';
import { operationRoutes } from './operations.ts';
import { openapiRoute } from './openapi.ts';
import { SAFE_HEADERS } from './page-headers.ts';
import { playgroundRoutes } from './playground.ts';
import { ProblemError } from './problem.ts';
import { createRequestMeter } from './request-meter.ts';
import type { CountRequest } from './request-meter.ts';
import { queueRoutes } from './queue.ts';
import { validatorCompiler } from './request-schema.ts';
import { scalingRoute } from './scaling.ts';
import { v1Routes } from './v1.ts';
import { webhookRoutes } from './webhooks.ts';

export type { ChannelDirectory, Configuration, HttpDeps, HttpSettings, Lifecycle, MetricsPage, PlaygroundEvent, PlaygroundFeed } from './http-deps.ts';

const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const KEEP_ALIVE_MS = 72_000;
const CLOSE_LOOK_MS = 20;

export interface Http {
  /** Starts serving. Returns the address to open. Throws ConfigError when the port is taken. */
  listen(): Promise<string>;
  /** Stops accepting connections, finishes open requests and ends event streams. */
  close(): Promise<void>;
  /** For tests (`inject`). */
  readonly app: FastifyInstance;
}

function createServer(deps: HttpDeps): FastifyInstance {
  const answer = createErrorHandler(deps.telemetry.log);
  const app = Fastify({
    logger: false,
    trustProxy: false,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // A webhook that arrives on an open connection while we close is still stored: a 503 would not be sent again.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 500 },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => {
      answer(error, request, reply);
    },
  });
  app.server.headersTimeout = HEADERS_MS;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(answer);
  return app;
}

/** Clients send `Content-Type: application/json` with nothing after it; that means no body. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body, done);
  });
}

function countAndProtect(app: FastifyInstance, count: CountRequest): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(SAFE_HEADERS);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { url, config } = request.routeOptions;
    if (!config?.unmeasured) count(url, request.method, { status: reply.statusCode, ms: reply.elapsedTime });
    done();
  });
}

async function quietRoutes(app: FastifyInstance, deps: HttpDeps, given: { settings: HttpSettings; count: CountRequest }): Promise<void> {
  const { settings, count } = given;
  countAndProtect(app, count);
  acceptEmptyJson(app);
  app.setNotFoundHandler((request) => {
    throw new ProblemError('route_unknown', `No route answers ${request.method} here. /openapi.json lists the routes.`);
  });
  healthRoutes(app, deps, settings);
  metricsRoutes(app, deps);
  if (settings.surface === 'probes') return;
  await app.register(async (guarded) => {
    guarded.addHook('onRequest', createAdminGuard(settings));
    const once = createOnce(deps.clock);
    adminRoutes(guarded, deps, once);
    queueRoutes(guarded, deps, once);
    v1Routes(guarded, deps);
    operationRoutes(guarded, deps, once);
    legacyRoutes(guarded, deps, once);
    engineRoutes(guarded, deps, once);
    eventRoutes(guarded, deps);
    configurationRoutes(guarded, deps, once);
    scalingRoute(guarded, deps);
  });
  const feed = deps.playground;
  if (feed) await app.register((page) => playgroundRoutes(page, deps, { feed, settings }));
}

async function listen(app: FastifyInstance, { host, port, surface }: HttpSettings): Promise<string> {
  const name = surface === 'all' ? 'PORT' : 'WORKER_PORT';
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new ConfigError(`${name} ${port} is taken on ${host}: stop the program that uses it, or set ${name} to another one`);
    if (code === 'EADDRNOTAVAIL') throw new ConfigError(`HOST ${host} is not an address of this machine: set HOST to one, or to 0.0.0.0`);
    throw error;
  }
}

/**
 * A connection whose answer was under way when the closing began goes idle after it, and node would keep it for
 * {@link KEEP_ALIVE_MS}; so idle connections are closed until none is left.
 */
async function close(app: FastifyInstance, clock: Clock): Promise<void> {
  const over = new AbortController();
  const closing = app.close().finally(() => over.abort());
  while (!over.signal.aborted) {
    app.server.closeIdleConnections();
    await clock.sleep(CLOSE_LOOK_MS, over.signal).catch(() => undefined);
  }
  await closing;
}

/**
 * The HTTP surface: webhooks (raw bytes, nothing else on their way), operators' routes, probes, metrics and the
 * playground. Every error is a problem document (docs/errors.md).
 */
export async function createHttp(deps: HttpDeps, settings: HttpSettings): Promise<Http> {
  const app = createServer(deps);
  const count = createRequestMeter(deps.telemetry.meter);
  if (settings.surface === 'all') {
    openapiRoute(app, settings.version);
    await app.register((hot) => webhookRoutes(hot, deps, { settings, count }));
  }
  await app.register((quiet) => quietRoutes(quiet, deps, { settings, count }));
  await app.ready();
  return { listen: () => listen(app, settings), close: () => close(app, deps.clock), app };
}
