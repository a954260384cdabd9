import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../domain/clock.ts';
import { JOB_EVENT_TYPES, type JobEvent, type JobEventType } from '../ports/events.ts';
import type { HttpDeps } from './http-deps.ts';
import { SAFE_HEADERS } from './page-headers.ts';
import { ProblemError } from './problem.ts';
import { described } from './request-schema.ts';

const MAX_STREAMS = 100;
const HEARTBEAT_MS = 15_000;
/** A reader that is further behind than this is cut off. */
const MAX_BEHIND_BYTES = 1_048_576;
/** How long a reader that was cut off may take to read why, ms. */
const FAREWELL_MS = 5_000;

const STREAM_HEADERS = {
  ...SAFE_HEADERS,
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
  connection: 'close',
};

const isType = (name: string): name is JobEventType => (JOB_EVENT_TYPES as readonly string[]).includes(name);
const types = z
  .string()
  .transform((text) => text.split(','))
  .refine((names) => names.every(isType), `must be some of ${JOB_EVENT_TYPES.join(',')}, with commas between them`);
const query = z.strictObject({ types: types.optional(), org: z.string().min(1).optional() });

type Query = z.output<typeof query>;
type Farewell = 'too_slow' | 'stopping';

/** One reader. It is told why when it is not told any more. */
class Reader {
  readonly #raw: ServerResponse;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  #isLeaving = false;

  constructor(raw: ServerResponse, clock: Clock) {
    this.#raw = raw;
    this.#clock = clock;
    raw.on('close', () => this.#over.abort());
    raw.writeHead(200, STREAM_HEADERS);
    this.#write('retry: 1000\n\n');
    void this.#beat();
  }

  tell(event: JobEvent): void {
    this.#write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  /** The last event of the stream. */
  leave(reason: Farewell): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#raw.end(`event: end\ndata: ${JSON.stringify({ reason })}\n\n`);
    void this.#cutLate();
  }

  #write(text: string): void {
    if (this.#isLeaving) return;
    this.#raw.write(text);
    if (this.#raw.writableLength > MAX_BEHIND_BYTES) this.leave('too_slow');
  }

  /** Comment lines, so that proxies do not take a quiet stream for a dead one. */
  async #beat(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.#clock.sleep(HEARTBEAT_MS, signal).catch(() => undefined);
      if (!signal.aborted) this.#write(': still here\n\n');
    }
  }

  async #cutLate(): Promise<void> {
    await this.#clock.sleep(FAREWELL_MS, this.#over.signal).catch(() => undefined);
    this.#raw.destroy();
  }
}

const wants = ({ types: some, org }: Query, event: JobEvent): boolean =>
  (some === undefined || some.includes(event.type)) && (org === undefined || event.orgId === org || event.orgId === `org_${org}`);

/** `GET /v1/events`: what happens to jobs, as server-sent events. Ends with an event `end` when the server closes, or the reader is too slow. */
export function eventRoutes(app: FastifyInstance, { events, clock }: HttpDeps): void {
  const open = new Set<Reader>();
  app.addHook('preClose', (done) => {
    for (const reader of open) reader.leave('stopping');
    done();
  });

  function follow(reply: FastifyReply, asked: Query): void {
    reply.hijack();
    const reader = new Reader(reply.raw, clock);
    const subscription = events.subscribe((event) => wants(asked, event) && reader.tell(event));
    open.add(reader);
    reply.raw.on('close', () => {
      subscription[Symbol.dispose]();
      open.delete(reader);
    });
  }

  const { schema, config } = described({ summary: 'What happens to jobs, as it happens', auth: 'admin', query, answers: { 200: 'text/event-stream' } });
  app.get<{ Querystring: Query }>('/v1/events', { schema, config: { ...config, unmeasured: true }, exposeHeadRoute: false }, (request, reply) => {
    if (open.size >= MAX_STREAMS) throw new ProblemError('too_many_streams', 'Close another stream of events, or try again later.');
    follow(reply, request.query);
  });
}
