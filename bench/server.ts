/** The servers under load, each in a process of its own: the ceiling, and Chasqui in role `api` or `all`. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { buildApp } from '../src/app/build.ts';
import type { App } from '../src/app/build.ts';
import { verifyWebhook } from '../src/channels/chatwoot/signature.ts';
import { loadConfig } from '../src/config/index.ts';
import { instantChannel, instantResponder } from './instant.ts';
import { ACCOUNT_ID, WEBHOOK_PATH, WEBHOOK_SECRET } from './webhooks.ts';

export interface ServerPlan {
  kind: 'ceiling' | 'api' | 'all';
  dataDir: string;
  /** Turns at once; only `all` works. */
  concurrency: number;
}

export type ToServer = { kind: 'tell' } | { kind: 'stop' };
export interface Told {
  kind: 'told';
  /** CPU time of the process, all threads, since its start, ms. */
  cpuMs: number;
  /** Replies handed to the channel since its start. */
  sent: number;
  rssBytes: number;
}
export type FromServer = { kind: 'listening'; port: number } | Told;

interface Serving {
  port: number;
  sent(): number;
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
  return { port, sent: () => 0, stop: () => app.close() };
}

/** Chasqui as it is deployed, with a channel that sends nowhere and a responder that answers at once. */
async function serveProduct(plan: ServerPlan): Promise<Serving> {
  const env = {
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'error',
    DATA_DIR: plan.dataDir,
    LOCAL_QUEUE_CONCURRENCY: String(plan.concurrency),
    WORKER_TYPING_ENABLED: 'false',
    BURST_DEBOUNCE_MS: '0',
    CHATWOOT_BASE_URL: 'http://127.0.0.1:9',
    CHATWOOT_ACCOUNT_ID: String(ACCOUNT_ID),
    CHATWOOT_API_TOKEN: 'bench-token',
    CHATWOOT_WEBHOOK_SECRET: WEBHOOK_SECRET,
  };
  let sent = 0;
  const config = await loadConfig({ env, folder: plan.dataDir });
  const app: App = await buildApp(config, {
    role: plan.kind === 'api' ? 'api' : 'all',
    channel: (channel) => instantChannel(channel, () => (sent += 1)),
    responder: () => instantResponder,
  });
  const address = await app.start();
  return { port: Number(new URL(address ?? '').port), sent: () => sent, stop: () => app.stop() };
}

const plan = JSON.parse(process.argv[2] ?? '{}') as ServerPlan;
const serving = plan.kind === 'ceiling' ? await serveCeiling() : await serveProduct(plan);
const tell = (message: FromServer): void => void process.send?.(message);

process.on('message', (message: ToServer) => {
  if (message.kind === 'stop') void serving.stop().then(() => process.disconnect());
  else {
    const { user, system } = process.cpuUsage();
    tell({ kind: 'told', cpuMs: (user + system) / 1000, sent: serving.sent(), rssBytes: process.memoryUsage.rss() });
  }
});
tell({ kind: 'listening', port: serving.port });
