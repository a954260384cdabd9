/**
 * What one would write today: express, a check of the signature, a limit per conversation, SET NX against doubles, one BullMQ job per
 * webhook. The answer goes out when Redis has taken the job.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Queue } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';

const { redisUrl, path, secret } = JSON.parse(process.argv[2]);
const SAME_WEBHOOK_MS = 300_000;
const PER_CONVERSATION = { points: 1_000_000, duration: 60 };

const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
const limiter = new RateLimiterRedis({ storeClient: redis, keyPrefix: 'limit', ...PER_CONVERSATION });
const queue = new Queue('messages', { connection: redis, defaultJobOptions: { attempts: 3, removeOnComplete: true, removeOnFail: 1000 } });

function isSigned(request) {
  const timestamp = request.get('x-chatwoot-timestamp') ?? '';
  const given = Buffer.from((request.get('x-chatwoot-signature') ?? '').replace('sha256=', ''));
  const made = Buffer.from(createHmac('sha256', secret).update(`${timestamp}.`).update(request.body).digest('hex'));
  return given.length === made.length && timingSafeEqual(given, made);
}

async function accept(request, response) {
  if (!isSigned(request)) return response.status(401).json({ ok: false });
  const event = JSON.parse(request.body.toString());
  await limiter.consume(String(event.conversation.id));
  const isNew = await redis.set(`seen:${event.id}`, '1', 'PX', SAME_WEBHOOK_MS, 'NX');
  if (isNew) await queue.add('message', event);
  return response.json({ ok: true, duplicate: !isNew });
}

const app = express();
app.disable('x-powered-by');
app.post(path, express.raw({ type: '*/*', limit: '1mb' }), accept);
const server = app.listen(0, '127.0.0.1', () => process.send({ kind: 'listening', port: server.address().port }));

async function tell() {
  const { waiting, active } = await queue.getJobCounts('waiting', 'active');
  process.send({ kind: 'told', pending: waiting + active, rssBytes: process.memoryUsage.rss() });
}
process.on('message', ({ kind }) => void (kind === 'tell' && tell()));
