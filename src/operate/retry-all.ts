import { jobAddress } from '../domain/ids.ts';
import type { JobId, LaneId, OperationId } from '../domain/ids.ts';
import type { OperationState } from '../ports/dead-letters.ts';
import type { OperateDeps } from './operate-deps.ts';

const PAGE = 1000;
const CHUNK = 100;

export interface Started {
  operationId: OperationId;
  /** Letters that this operation will try to retry. */
  total: number;
}

/** Retrying every dead letter, as an operation that goes on after the request. */
export interface RetryAll {
  /** Starts it. While one runs, returns that one instead of starting a second. */
  start(): Promise<Started>;
  /** Resolves when nothing runs; a running operation stops after its chunk, as `failed`. */
  stop(): Promise<void>;
}

type Deps = Pick<OperateDeps, 'store' | 'wake' | 'newId' | 'telemetry'>;

/**
 * The letters there are now. Read before the first retry, so that one that dies again meanwhile is not retried for
 * ever by the same operation.
 */
async function snapshot(deps: Deps): Promise<JobId[]> {
  const ids: JobId[] = [];
  let page: JobId[];
  do {
    page = await deps.store.deadLetters.ids(ids.at(-1) ?? null, PAGE);
    ids.push(...page);
  } while (page.length === PAGE);
  return ids;
}

function byLane(ids: JobId[]): Map<LaneId | null, JobId[]> {
  return Map.groupBy(ids, (id) => jobAddress(id)?.laneId ?? null);
}

/** One conversation's letters, oldest first, one after the other: that keeps their order. */
async function retryLane(deps: Deps, ids: JobId[]): Promise<number> {
  let retried = 0;
  for (const id of ids) {
    const result = await deps.store.deadLetters.retry(id);
    if (result.kind !== 'retried') continue;
    retried++;
    deps.wake(result.laneId as LaneId);
  }
  return retried;
}

async function retryChunk(deps: Deps, ids: JobId[]): Promise<{ done: number; failed: number }> {
  const lanes = [...byLane(ids).values()];
  const counts = await Promise.all(lanes.map((lane) => retryLane(deps, lane)));
  const done = counts.reduce((sum, count) => sum + count, 0);
  return { done, failed: ids.length - done };
}

async function run(deps: Deps, operation: { id: OperationId; ids: JobId[] }, signal: AbortSignal): Promise<void> {
  const { id, ids } = operation;
  let done = 0;
  let failed = 0;
  const report = (state: OperationState) => deps.store.operations.progress(id, { done, failed, state });
  try {
    for (let from = 0; from < ids.length && !signal.aborted; from += CHUNK) {
      const chunk = await retryChunk(deps, ids.slice(from, from + CHUNK));
      done += chunk.done;
      failed += chunk.failed;
      await report('running');
    }
    await report(done + failed === ids.length ? 'completed' : 'failed');
  } catch (error) {
    deps.telemetry.log.error({ operationId: id, done, failed, err: error }, 'retrying all dead letters failed');
    await report('failed');
  }
}

export function createRetryAll(deps: Deps): RetryAll {
  const stopping = new AbortController();
  let starting: Promise<Started> | null = null;
  let running: Promise<void> = Promise.resolve();

  async function begin(): Promise<Started> {
    const ids = await snapshot(deps);
    const id = deps.newId('op');
    await deps.store.operations.start({ id, kind: 'dlq_retry_all', total: ids.length });
    running = run(deps, { id, ids }, stopping.signal)
      .catch((error: unknown) => {
        deps.telemetry.log.error({ operationId: id, err: error }, 'the end of an operation could not be stored');
      })
      .finally(() => {
        starting = null;
      });
    return { operationId: id, total: ids.length };
  }

  return {
    start: () => {
      starting ??= begin().catch((error: unknown) => {
        starting = null;
        throw error;
      });
      return starting;
    },
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}
