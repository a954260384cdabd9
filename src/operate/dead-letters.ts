import { jobAddress } from '../domain/ids.ts';
import type { JobId, OperationId } from '../domain/ids.ts';
import type { ActionDenied } from '../ports/action-limits.ts';
import type { DeadLetter, DeadLetterFilter } from '../ports/dead-letters.ts';
import type { OperateDeps, OperateSettings } from './operate-deps.ts';
import type { OperationWorks } from './operations/index.ts';
import { PURGE } from './operations/purge.ts';
import { RETRY_ALL } from './operations/retry-all.ts';

/** What a caller must send, letter for letter, to purge the dead letters. */
export const PURGE_CONFIRMATION = 'DELETE_ALL_DLQ_JOBS';

/** How long a purge is waited for; one that takes longer goes on without, ms. */
const PURGE_WAIT_MS = 10_000;

/** A dead letter as operators see it. Instants are UTC ms. */
export interface DeadLetterView {
  jobId: string;
  /** The job that this one was a retry of; its own id when it was none. */
  originalJobId: string;
  originalJob: { kind: string; messageId: string | null };
  orgId: string;
  channelId: string | null;
  conversationId: string | null;
  failedAt: number;
  reason: string;
  error: string | null;
  attempts: number;
  data: unknown;
}

export interface DeadLetterPage {
  count: number;
  jobs: DeadLetterView[];
  nextCursor: string | null;
}

export interface DeadLetterSummary {
  available: boolean;
  name: string;
  counts: { waiting: number; total: number };
  alertThreshold: number;
  isAboveThreshold: boolean;
  oldestAt: number | null;
  byReason: Record<string, number>;
}

export type Retried = { kind: 'retried'; retriedAs: JobId } | { kind: 'unknown' } | { kind: 'already' } | { kind: 'human_owns' } | { kind: 'limited'; denied: ActionDenied };

/** `finished` false: it goes on in the background. */
export type Purged = { kind: 'purged'; purged: number; operationId: OperationId; finished: boolean } | { kind: 'unconfirmed' };

export interface Started {
  operationId: OperationId;
  /** Letters that this operation will try to retry. */
  total: number;
}

/** What operators do with dead letters, one at a time or all at once. */
export interface DeadLetterDesk {
  /** Newest first. `limit`: 1 to 500. */
  list(filter: DeadLetterFilter, page: { limit: number; cursor?: string }): Promise<DeadLetterPage>;
  stats(): Promise<DeadLetterSummary>;
  /** Gives the job a new life at the end of its lane, once; so many times a minute for each org (the action `retry`). */
  retry(id: string): Promise<Retried>;
  /** False when there is no such letter. */
  discard(id: string): Promise<boolean>;
  /** Discards every letter, as an operation, if `confirmation` is {@link PURGE_CONFIRMATION}; otherwise nothing. Waits for it up to 10 s. */
  purge(confirmation: unknown): Promise<Purged>;
  /** Retries every letter in each conversation's order, in the background; as one operation, whatever the limit of `retry`. While that goes on, returns the operation that does it. */
  retryAll(): Promise<Started>;
}

function view(letter: DeadLetter): DeadLetterView {
  return {
    jobId: letter.jobId,
    originalJobId: letter.originalJobId ?? letter.jobId,
    originalJob: { kind: letter.kind, messageId: letter.messageId },
    orgId: letter.orgId,
    channelId: letter.channelId,
    conversationId: letter.conversationId,
    failedAt: letter.failedAt,
    reason: letter.reason,
    error: letter.error,
    attempts: letter.attempts,
    data: letter.payload,
  };
}

type Deps = Pick<OperateDeps, 'store' | 'wake' | 'telemetry' | 'limits'> & { operations: Pick<OperationWorks, 'start' | 'wait'> };

async function summarise(deps: Deps, settings: OperateSettings): Promise<DeadLetterSummary> {
  const { total, oldestAt, byReason } = await deps.store.deadLetters.stats();
  return {
    available: true,
    name: settings.dlqName,
    counts: { waiting: total, total },
    alertThreshold: settings.alertThreshold,
    isAboveThreshold: total > settings.alertThreshold,
    oldestAt,
    byReason,
  };
}

async function retry(deps: Deps, id: string): Promise<Retried> {
  const address = jobAddress(id);
  if (!address) return { kind: 'unknown' };
  const job = await deps.store.jobs.get(id as JobId);
  const taken = job?.state === 'dead' ? await deps.limits.take(job.orgId, 'retry') : null;
  if (taken?.allowed === false) return { kind: 'limited', denied: taken };
  const result = await deps.store.deadLetters.retry(id as JobId);
  if (result.kind !== 'retried') return result;
  deps.wake(address.laneId);
  deps.telemetry.log.info({ jobId: id, retriedAs: result.retriedAs }, 'dead letter retried');
  return { kind: 'retried', retriedAs: result.retriedAs };
}

async function startOver(deps: Deps, kind: string): Promise<Started> {
  const { total } = await deps.store.deadLetters.stats();
  const { operation, isNew } = await deps.operations.start(kind, total);
  if (isNew) deps.telemetry.log.warn({ operationId: operation.id, kind, total }, 'an operation on all dead letters was started');
  return { operationId: operation.id, total: operation.total };
}

async function purge(deps: Deps): Promise<Purged> {
  const { operationId } = await startOver(deps, PURGE);
  const { state, done } = await deps.operations.wait(operationId, PURGE_WAIT_MS);
  return { kind: 'purged', purged: done, operationId, finished: state === 'completed' };
}

export function createDeadLetterDesk(deps: Deps, settings: OperateSettings): DeadLetterDesk {
  const { deadLetters } = deps.store;
  return {
    list: async (filter, page) => {
      const { jobs, nextCursor } = await deadLetters.list(filter, page);
      return { count: jobs.length, jobs: jobs.map(view), nextCursor };
    },
    stats: () => summarise(deps, settings),
    retry: (id) => retry(deps, id),
    discard: async (id) => jobAddress(id) !== null && (await deadLetters.discard(id as JobId)),
    purge: async (confirmation) => (confirmation === PURGE_CONFIRMATION ? purge(deps) : { kind: 'unconfirmed' }),
    retryAll: () => startOver(deps, RETRY_ALL),
  };
}
