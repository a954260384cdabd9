import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../domain/clock.ts';
import type { HttpDeps, PlaygroundEvent, PlaygroundFeed } from './http-deps.ts';
import { SAFE_HEADERS } from './page-headers.ts';
import { ProblemError } from './problem.ts';
import { described } from './request-schema.ts';

const MAX_STREAMS = 100;
const HEARTBEAT_MS = 15_000;
/** A reader that is further behind than this is dropped; it comes back and gets the transcript. */
const MAX_BEHIND_BYTES = 1_048_576;

const STREAM_HEADERS = {
  ...SAFE_HEADERS,
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  connection: 'close',
};

const query = z.strictObject({ conversation: z.string().min(1).max(64) });

const frame = (event: PlaygroundEvent): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

function write(raw: ServerResponse, text: string): void {
  raw.write(text);
  if (raw.writableLength > MAX_BEHIND_BYTES) raw.destroy();
}

/** Comment lines, so that proxies do not take a quiet stream for a dead one. */
async function beat(raw: ServerResponse, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(HEARTBEAT_MS, signal).catch(() => undefined);
    if (!signal.aborted) write(raw, ': still here\n\n');
  }
}

function follow(reply: FastifyReply, conversation: string, given: { feed: PlaygroundFeed; clock: Clock }): ServerResponse {
  reply.hijack();
  const { raw } = reply;
  const over = new AbortController();
  raw.writeHead(200, STREAM_HEADERS);
  write(raw, 'retry: 1000\n\n');
  for (const event of given.feed.transcript(conversation)) write(raw, frame(event));
  const leave = given.feed.subscribe(conversation, (event) => write(raw, frame(event)));
  void beat(raw, given.clock, over.signal);
  raw.on('close', () => {
    leave();
    over.abort();
  });
  return raw;
}

/** `GET /playground/events`: what the bot says in one conversation, as server-sent events. Ends when the server closes. */
export function playgroundStream(app: FastifyInstance, feed: PlaygroundFeed, { clock }: HttpDeps): void {
  const open = new Set<ServerResponse>();
  app.addHook('preClose', (done) => {
    for (const raw of open) raw.end();
    done();
  });
  const { schema, config } = described({
    summary: 'What the bot says in a conversation of the playground',
    auth: 'playground',
    query,
    answers: { 200: 'text/event-stream' },
  });
  app.get<{ Querystring: z.infer<typeof query> }>(
    '/playground/events',
    { schema, config: { ...config, unmeasured: true }, exposeHeadRoute: false },
    (request, reply) => {
      if (open.size >= MAX_STREAMS) throw new ProblemError('too_many_streams', 'Close another playground tab, or try again later.');
      const raw = follow(reply, request.query.conversation, { feed, clock });
      open.add(raw);
      raw.on('close', () => open.delete(raw));
    },
  );
}
