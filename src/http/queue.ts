import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { ChannelId, OrgId } from '../domain/ids.ts';
import type { PauseResult } from '../operate/index.ts';
import type { Pause, PauseTarget } from '../ports/controls.ts';
import type { HttpDeps } from './http-deps.ts';
import type { Once, Result } from './idempotency.ts';
import { ProblemError } from './problem.ts';
import { checkedBody, described } from './request-schema.ts';
import type { RouteDoc } from './request-schema.ts';
import * as shapes from './shapes.ts';

const admin = (doc: Omit<RouteDoc, 'auth'>) => described({ ...doc, auth: 'admin' });

function targetOf(body: z.output<typeof shapes.pauseBody>): PauseTarget {
  if (body?.orgId !== undefined) return { scope: 'org', orgId: body.orgId as OrgId };
  if (body?.channelId !== undefined) return { scope: 'channel', channelId: body.channelId as ChannelId };
  return { scope: 'all' };
}

function unknown(target: PauseTarget): ProblemError {
  switch (target.scope) {
    case 'org':
      return new ProblemError('org_unknown', `No org has the id ${target.orgId}. Ids begin with org_.`);
    case 'channel':
      return new ProblemError('channel_unknown', `No channel has the id ${target.channelId}. Ids begin with chn_.`);
    case 'all':
      throw new TypeError('everything is always known');
  }
}

async function change(request: { body: unknown }, act: (target: PauseTarget) => Promise<PauseResult>): Promise<Result> {
  const target = targetOf(checkedBody(shapes.pauseBody, request.body));
  const result = await act(target);
  if (result.kind === 'unknown') throw unknown(target);
  return { status: 200, body: { ok: true, changed: result.changed, target } };
}

const line = ({ target, since }: Pause) => ({ ...target, since });

/** Pauses as this version has them: of everything, an org or a channel. */
function pauseRoutes(app: FastifyInstance, { operate }: HttpDeps, once: Once): void {
  app.get('/v1/queue', admin({ summary: 'What waits, and what is paused', answers: { 200: shapes.queueView } }), async () => {
    const { counts, oldestWaitingMs, paused, pauses } = await operate.queue.view();
    return { ok: true, ...counts, oldestWaitingMs, paused, pauses: pauses.map(line) };
  });
  const doc = (summary: string) => admin({ summary, body: shapes.pauseBody, answers: { 200: shapes.pauseChanged } });
  app.post('/v1/queue/pause', doc('Stops taking work of everything, an org or a channel, in all processes; webhooks are still accepted'), (request, reply) =>
    once(request, reply, () => change(request, operate.queue.pause)),
  );
  app.post('/v1/queue/resume', doc('Takes it up again'), (request, reply) => once(request, reply, () => change(request, operate.queue.resume)));
}

/** The whole queue, by the addresses that deployments know. */
function wholeQueueRoutes(app: FastifyInstance, { operate }: HttpDeps, once: Once): void {
  const doc = (summary: string) => admin({ summary, answers: { 200: shapes.queuePaused } });
  app.post('/chatwoot/queue/pause', doc('Stops taking work, in all processes; webhooks are still accepted'), (request, reply) =>
    once(request, reply, async () => {
      await operate.queue.pause({ scope: 'all' });
      return { status: 200, body: { ok: true, paused: true } };
    }),
  );
  app.post('/chatwoot/queue/resume', doc('Takes work again'), (request, reply) =>
    once(request, reply, async () => {
      await operate.queue.resume({ scope: 'all' });
      return { status: 200, body: { ok: true, paused: false } };
    }),
  );
}

/** Pausing and resuming. Behind the admin guard. */
export function queueRoutes(app: FastifyInstance, deps: HttpDeps, once: Once): void {
  wholeQueueRoutes(app, deps, once);
  pauseRoutes(app, deps, once);
}
