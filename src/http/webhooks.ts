import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Channel, RawDelivery, Refusal } from '../ports/channel.ts';
import type { Accepted } from '../ports/intake.ts';
import { createErrorHandler } from './error-handler.ts';
import type { HttpDeps, HttpSettings } from './http-deps.ts';
import { strangeness } from './locality.ts';
import { ProblemError, problem, sendProblem } from './problem.ts';
import type { CountRequest } from './request-meter.ts';
import type { RouteDoc } from './request-schema.ts';

/** A webhook's body may have this many bytes. */
export const WEBHOOK_BODY_LIMIT = 1_048_576;

const EMPTY = new Uint8Array(0);
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;|$)/;

type Params = { kind: string; channelId?: string; secret?: string };

const accepted = z.object({ ok: z.literal(true), messageIds: z.array(z.string()) });

function doc(summary: string, params: string[]): RouteDoc {
  const shape = Object.fromEntries(params.map((name) => [name, z.string()]));
  return { summary, auth: 'signature', params: z.object(shape), body: z.looseObject({}), answers: { 200: accepted } };
}

function byId(deps: HttpDeps, kind: string, id: string): Channel {
  const channel = deps.channels.find(kind, id);
  if (!channel) throw new ProblemError('channel_unknown', `There is no ${kind} channel with the id ${id}.`);
  return channel;
}

function onlyOne(deps: HttpDeps, kind: string): Channel {
  const [channel, another] = deps.channels.ofKind(kind);
  if (!channel) throw new ProblemError('channel_unknown', `No channel of the kind ${kind} is configured.`);
  if (another) {
    throw new ProblemError('channel_ambiguous', `There are several channels of the kind ${kind}: post to /webhooks/${kind}/{channelId}.`);
  }
  return channel;
}

function deliveryOf(request: FastifyRequest, pathSecret: string | null): RawDelivery {
  const body = request.body as Uint8Array | undefined;
  return { body: body ?? EMPTY, headers: request.headers, pathSecret, receivedAt: request.receivedAt };
}

const isRefusal = (result: Accepted | Refusal): result is Refusal => 'status' in result;

/** Waits for the messages' endings, but not longer than the deadline: they are stored and will end anyway. */
async function untilAnswered(deps: HttpDeps, accepted: Accepted, deadlineMs: number): Promise<void> {
  const over = new AbortController();
  const deadline = deps.clock.sleep(deadlineMs, over.signal).then(() => over.abort(), () => undefined);
  try {
    await Promise.race([deps.answered(accepted.messageIds, over.signal), deadline]);
  } catch (error) {
    if (!over.signal.aborted) deps.telemetry.log.warn({ err: error }, 'could not wait for the answer; the webhook is stored');
  } finally {
    over.abort();
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** When the first byte was seen, UTC ms. Only for webhooks. */
    receivedAt: number;
  }
}

function takeRawBodies(app: FastifyInstance, deps: HttpDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: WEBHOOK_BODY_LIMIT }, (_request, body, done) => done(null, body));
  app.decorateRequest('receivedAt', 0);
  app.addHook('onRequest', (request, _reply, done) => {
    request.receivedAt = deps.clock.now();
    const type = request.raw.headers['content-type'];
    // The route decides how bytes are read; fastify would refuse a header it cannot parse before asking it.
    if (type !== undefined && type !== 'application/json' && !MEDIA_TYPE.test(type)) request.raw.headers['content-type'] = 'application/octet-stream';
    done();
  });
}

function countFailures(app: FastifyInstance, deps: HttpDeps, count: CountRequest): void {
  const answer = createErrorHandler(deps.telemetry.log);
  app.setErrorHandler((error, request, reply) => {
    const sent = answer(error as Parameters<typeof answer>[0], request, reply);
    count(request.routeOptions.url, request.method, { status: reply.statusCode, ms: reply.elapsedTime });
    return sent;
  });
}

function createReceive(deps: HttpDeps, settings: HttpSettings, count: CountRequest) {
  return async (request: FastifyRequest, reply: FastifyReply, channel: Channel): Promise<FastifyReply> => {
    if (channel.kind === 'playground') guardPlayground(request, settings);
    const { secret = null } = request.params as Params;
    const result = await deps.intake.receive(channel, deliveryOf(request, secret));
    if (isRefusal(result)) sendProblem(reply, problem(result.code, result.detail, result.status));
    else {
      if (!settings.useAsyncWebhook) await untilAnswered(deps, result, settings.answerDeadlineMs);
      reply.send({ ok: true, messageIds: result.messageIds });
    }
    count(request.routeOptions.url, 'POST', { status: reply.statusCode, ms: reply.elapsedTime });
    return reply;
  };
}

/** The playground signs nothing, so without being told otherwise it only listens to this machine. */
export function guardPlayground(request: FastifyRequest, settings: Pick<HttpSettings, 'playgroundPublic'>): void {
  const strange = settings.playgroundPublic ? null : strangeness(request);
  if (strange === null) return;
  throw new ProblemError('playground_loopback_only', `Open the playground on the machine it runs on, or make it public in the configuration: ${strange}.`);
}

/** The way in for platforms. The hot path: no body parsing, no validation and no logging here. */
export async function webhookRoutes(app: FastifyInstance, deps: HttpDeps, given: { settings: HttpSettings; count: CountRequest }): Promise<void> {
  takeRawBodies(app, deps);
  countFailures(app, deps, given.count);
  const receive = createReceive(deps, given.settings, given.count);
  type Route = { Params: Params };
  app.post<Route>('/webhooks/:kind', { config: { doc: doc('A webhook for the only channel of a kind', ['kind']) } }, (request, reply) =>
    receive(request, reply, onlyOne(deps, request.params.kind)),
  );
  const one = (request: FastifyRequest<Route>, reply: FastifyReply) =>
    receive(request, reply, byId(deps, request.params.kind, request.params.channelId ?? ''));
  app.post<Route>('/webhooks/:kind/:channelId', { config: { doc: doc('A webhook', ['kind', 'channelId']) } }, one);
  const withSecret = doc('A webhook of a platform that does not sign', ['kind', 'channelId', 'secret']);
  app.post<Route>('/webhooks/:kind/:channelId/:secret', { config: { doc: withSecret } }, one);
  app.post('/chatwoot/webhook', { config: { doc: doc('A webhook for the Chatwoot channel of the environment', []) } }, (request, reply) =>
    receive(request, reply, deps.channels.fromEnvironment('chatwoot') ?? onlyOne(deps, 'chatwoot')),
  );
}
