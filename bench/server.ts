/** The servers of ours under load, each in a process of its own: the ceiling, and Chasqui in any role. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { buildApp } from '../src/app/build.ts';
import type { App } from '../src/app/build.ts';
import { verifyWebhook } from '../src/channels/chatwoot/signature.ts';
import { loadConfig } from '../src/config/index.ts';
import { instantChannel, instantResponder } from './instant.ts';
import { settingsOf } from './settings.ts';
import type { Where } from './settings.ts';
import { ACCOUNT_ID, WEBHOOK_PATH, WEBHOOK_SECRET } from './webhooks.ts';

export interface ServerPlan {
  kind: 'ceiling' | 'api' | 'worker' | 'all';
  where: Where;
  /** Turns at once, where work is done. */
  concurrency: number;
}

export type ToServer = { kind: 'tell' } | { kind: 'stop' };
export interface Told {
  kind: 'told';
  /** Messages that have no ending yet. */
  pending: number;
  /** Messages that ended. */
  finished: number;
  rssBytes: number;
}
export type FromServer = { kind: 'listening'; port: number } | Told;

interface Serving {
  port: number;
  counts(): Promise<{ pending: number; finished: number }>;
  stop(): Promise<unknown>;
}

/** The same HTTP server, the same check of the signature and the same parsing, and an answer of the same shape; nothing is stored. */
async function serveCeiling(): Promise<Serving> {
  const app = Fastify({ logger: false });
  const secrets = { webhookSecret: WEBHOOK_SECRET, pathSecret: null, toleranceMs: 300_000 };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: 1_048_576 }, (_request, body, done) => done(null, body));
  app.post(WEBHOOK_PATH, async (request, reply) => {
    const body = request.body as Buffer;
    const delivery = { body, headers: request.headers, pathSecret: null, receivedAt: Date.now() };
    const refusal = verifyWebhook(secrets, delivery, Date.now());
    if (refusal) return reply.code(refusal.status).send(refusal);
    const { id } = JSON.parse(body.toString()) as { id: number };
    return reply.send({ ok: true, messageIds: [`msg_${id}`] });
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { port, counts: async () => ({ pending: 0, finished: 0 }), stop: () => app.close() };
}

/** Chasqui as it is deployed, with a channel that sends nowhere and a responder that answers at once. */
async function serveProduct(plan: ServerPlan, role: 'api' | 'worker' | 'all'): Promise<Serving> {
  const env = {
    ...settingsOf(plan.where, plan.concurrency),
    CHATWOOT_BASE_URL: 'http://127.0.0.1:9',
    CHATWOOT_ACCOUNT_ID: String(ACCOUNT_ID),
    CHATWOOT_API_TOKEN: 'bench-token',
    CHATWOOT_WEBHOOK_SECRET: WEBHOOK_SECRET,
  };
  const config = await loadConfig({ env, folder: plan.where.dataDir });
  const app: App = await buildApp(config, { role, channel: (channel) => instantChannel(channel, () => {}), responder: () => instantResponder });
  const address = await app.start();
  await app.working();
  const counts = async (): Promise<{ pending: number; finished: number }> => {
    const { waiting, active, delayed, completed } = await app.store.reports.counts();
    return { pending: waiting + active + delayed, finished: completed };
  };
  return { port: address === null ? 0 : Number(new URL(address).port), counts, stop: () => app.stop() };
}

const plan = JSON.parse(process.argv[2] ?? '{}') as ServerPlan;
const serving = plan.kind === 'ceiling' ? await serveCeiling() : await serveProduct(plan, plan.kind);
const tell = (message: FromServer): void => void process.send?.(message);

process.on('message', (message: ToServer) => {
  if (message.kind === 'stop') void serving.stop().then(() => process.disconnect());
  else void serving.counts().then((counts) => tell({ kind: 'told', ...counts, rssBytes: process.memoryUsage.rss() }));
});
tell({ kind: 'listening', port: serving.port });
