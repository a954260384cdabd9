import { z } from 'zod';

/** The shapes of requests and answers. `/openapi.json` is made from them, and the tests hold the routes to them. */

const at = z.number().int().meta({ description: 'UTC, ms since 1970' });
const ms = z.number().nullable();
const ok = z.literal(true);
const count = z.number().int().min(0);

export const limitQuery = z.coerce.number({ error: 'must be a whole number' }).int().min(1).max(500).default(50);

export const idParams = z.object({ id: z.string() });
export const jobParams = z.object({ jobId: z.string() });

export const dlqQuery = z.strictObject({
  limit: limitQuery,
  cursor: z.string().regex(/^[0-9]{1,15}\.job_[0-9a-z_]+$/, 'must be the nextCursor of the page before').optional(),
  org: z.string().optional(),
  channel: z.string().optional(),
  kind: z.string().optional(),
  reason: z.string().optional(),
});

export const messagesQuery = z.strictObject({ limit: limitQuery });

export const purgeBody = z.object({ confirm: z.literal('DELETE_ALL_DLQ_JOBS') });

export const problemShape = z
  .object({
    type: z.url(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .meta({ description: 'RFC 9457' });

const deadLetter = z.object({
  jobId: z.string(),
  originalJobId: z.string(),
  originalJob: z.object({ kind: z.string(), messageId: z.string().nullable() }),
  orgId: z.string(),
  channelId: z.string().nullable(),
  conversationId: z.string().nullable(),
  failedAt: at,
  reason: z.string(),
  error: z.string().nullable(),
  attempts: count,
  data: z.unknown(),
});

export const dlqPage = z.object({ ok, count, jobs: z.array(deadLetter), nextCursor: z.string().nullable() });

const dlqCounts = {
  available: z.boolean(),
  counts: z.object({ waiting: count, total: count }),
  alertThreshold: count,
  isAboveThreshold: z.boolean(),
};

export const dlqStats = z.object({ ok, name: z.string(), ...dlqCounts, oldestAt: at.nullable(), byReason: z.record(z.string(), count) });
export const dlqRetried = z.object({ ok, jobId: z.string(), retriedAs: z.string() });
export const dlqRetryAll = z.object({ ok, operationId: z.string(), total: count });
export const dlqDiscarded = z.object({ ok, jobId: z.string() });
export const dlqPurged = z.object({ ok, purged: count, operationId: z.string() });

const queueCounts = { waiting: count, active: count, completed: count, failed: count, delayed: count };

export const adminStats = z.object({ ok, redis: z.boolean(), queue: z.object({ ...queueCounts, dlq: z.object(dlqCounts) }) });

export const governorStats = z.object({
  ok,
  config: z.object({ serviceHoursEnabled: z.boolean(), rateLimitEnabled: z.boolean(), dedupeEnabled: z.boolean() }),
  rateLimiter: z.object({
    redisAvailable: z.boolean(),
    memoryFallback: z.object({ ratesCount: count, dedupesCount: count }),
    config: z.object({ maxRequestsPerMinute: count, dedupeWindowMs: count }),
    redis: z.object({ activeRateLimitKeys: count, activeDedupeKeys: count }),
  }),
  verdicts: z.record(z.string(), count),
});

const worker = z.union([
  z.object({ running: z.literal(false) }),
  z.object({
    running: z.literal(true),
    mode: z.string(),
    active: count,
    concurrency: count,
    succeeded: count,
    failed: count,
    successRate: z.string(),
  }),
]);

export const chatwootStats = z.object({
  ok,
  queue: z.object({ ...queueCounts, paused: z.boolean(), oldestWaitingMs: z.number() }),
  cache: z.object({ hitRate: z.number(), hits: count, misses: count, entries: count }).nullable(),
  worker,
});

const id = (prefix: string) => z.string().regex(new RegExp(`^${prefix}_[a-zA-Z0-9_-]{1,48}$`), `must be an id that begins with ${prefix}_`);

/** Without a body: everything. */
export const pauseBody = z
  .strictObject({ orgId: id('org').optional(), channelId: id('chn').optional() })
  .refine((body) => body.orgId === undefined || body.channelId === undefined, { error: 'name an orgId or a channelId, not both', path: ['channelId'] })
  .optional();

const pauseTarget = { scope: z.enum(['all', 'org', 'channel']), orgId: z.string().optional(), channelId: z.string().optional() };
export const pauseChanged = z.object({ ok, changed: z.boolean(), target: z.object(pauseTarget) });
export const queueView = z.object({
  ok,
  ...queueCounts,
  oldestWaitingMs: z.number(),
  paused: z.boolean(),
  pauses: z.array(z.object({ ...pauseTarget, since: at })),
});

export const queuePaused = z.object({ ok, paused: z.boolean() });

export const resilience = z.object({
  initialized: z.boolean(),
  queue: z.object({ pending: count, active: count, concurrency: count, successRate: z.string() }).nullable(),
  shutdownHandlers: z.array(z.object({ name: z.string(), priority: z.number() })),
  engine: z.object({ mode: z.string(), paused: z.boolean() }).nullable(),
  store: z.object({ kind: z.string() }),
  degraded: z.array(z.string()),
  breakers: z.array(z.object({ name: z.string(), state: z.string() })),
});

export const alive = z.object({ status: z.literal('ok') });
export const health = z.object({ status: z.literal('ok'), phase: z.string(), version: z.string(), store: z.object({ kind: z.string() }) });

const step = z.object({
  step: z.enum(['received', 'verified', 'verdict', 'waited', 'attempt', 'responded', 'send', 'ended']),
  at: at.nullable(),
  reason: z.string().optional(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
});

export const journey = z.object({
  ok,
  id: z.string(),
  orgId: z.string(),
  channelId: z.string(),
  conversationId: z.string(),
  externalId: z.string().nullable(),
  sentAt: at,
  ending: z.object({ kind: z.string(), reason: z.string().nullable(), at: at.nullable() }).nullable(),
  job: z.object({ id: z.string(), state: z.string(), attempts: count }).nullable(),
  durations: z.object({ acceptMs: ms, waitMs: ms, respondMs: ms, sendMs: ms, totalMs: ms }),
  steps: z.array(step),
});

const line = z.object({ id: z.string(), direction: z.string(), text: z.string(), sentAt: at, ending: z.string().nullable() });
export const messages = z.object({ ok, count, messages: z.array(line) });

const operationView = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.enum(['running', 'interrupted', 'cancelled', 'completed', 'failed']),
  total: count,
  done: count,
  failed: count,
  error: z.string().nullable(),
  createdAt: at,
  updatedAt: at,
});
export const operation = operationView.extend({ ok });
export const operations = z.object({ ok, count, operations: z.array(operationView) });
export const importBody = z.strictObject({
  from: z.string().min(1).optional(),
  table: z.string().min(1).optional(),
  types: z.record(z.string(), z.string().min(1)).optional(),
});
export const importStarted = z.object({ ok, operationId: z.string(), total: count });

const stage = z.enum(['shadow', 'both', 'chasqui']);
const gap = z.object({ count, ids: z.array(z.string()) });
export const legacyQueue = z.object({
  ok,
  source: z.string(),
  types: z.record(z.string(), z.object({ kind: z.string(), stage })),
  rows: z.array(z.object({ type: z.string(), status: z.string(), count })),
  unmapped: z.array(z.string()),
  withoutJob: gap,
  withoutRow: gap,
  complete: z.boolean(),
});

export const operationsQuery = z.strictObject({ limit: limitQuery });

export const job = z.object({
  ok,
  id: z.string(),
  orgId: z.string(),
  laneId: z.string(),
  kind: z.string(),
  state: z.enum(['scheduled', 'available', 'running', 'retryable', 'completed', 'cancelled', 'dead']),
  attempts: count,
  crashes: count,
  reason: z.string().nullable(),
  error: z.string().nullable(),
  progress: z.object({ done: z.number(), total: z.number() }).nullable(),
  retryOf: z.string().nullable(),
  createdAt: at,
  startedAt: at.nullable(),
  endedAt: at.nullable(),
});

const names = z.array(z.string());
const difference = z.object({ added: names, removed: names, changed: z.array(z.object({ id: z.string(), what: names })) });

export const configuration = z.object({
  ok,
  file: z.string().nullable(),
  needsRestart: names,
  refused: z.string().nullable(),
  settings: z.array(z.object({ name: z.string(), value: z.union([z.string(), z.number(), z.boolean()]).nullable(), origin: z.string() })),
});

export const reloaded = z.object({ ok, changed: z.boolean(), settings: names, needsRestart: names, orgs: difference, channels: difference });

export const scaling = z.object({ ok, desiredWorkers: count, waiting: count, active: count, oldestWaitingMs: z.number(), serviceMs: ms, perWorker: count });

const engineMode = z.enum(['local', 'both', 'bullmq']);

export const engineBody = z.strictObject({ mode: engineMode, force: z.boolean().optional() });
export const engineMoved = z.object({ ok, from: engineMode, to: engineMode });
export const engineView = z.object({
  ok,
  decided: engineMode.nullable(),
  mode: engineMode,
  lanes: z.object({ ready: count, held: count, parked: count }),
  oldestWaitingMs: z.number(),
  wakeups: z.object({ waiting: count, active: count, delayed: count }).nullable(),
  processes: z.array(z.object({ process: z.string(), role: z.enum(['all', 'api', 'worker']), mode: engineMode, rescued: count })).nullable(),
  rescuedLastMinute: count.nullable(),
  gap: count.nullable(),
  settled: z.boolean(),
  warnings: z.array(z.string()),
});
