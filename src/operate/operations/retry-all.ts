import { jobAddress } from '../../domain/ids.ts';
import type { JobId, LaneId } from '../../domain/ids.ts';
import type { OperateDeps } from '../operate-deps.ts';
import type { OperationKind } from './kind.ts';

export const RETRY_ALL = 'dlq_retry_all';

/** Letters in one step. */
const CHUNK = 100;

type Deps = { store: Pick<OperateDeps['store'], 'deadLetters'>; wake: OperateDeps['wake'] };

/** One conversation's letters, oldest first, one after the other: that keeps their order. One retried before the crash counts as done. */
async function retryLane(deps: Deps, ids: JobId[]): Promise<number> {
  let done = 0;
  for (const id of ids) {
    const result = await deps.store.deadLetters.retry(id);
    if (result.kind === 'retried' || result.kind === 'already') done++;
    if (result.kind === 'retried') deps.wake(result.laneId as LaneId);
  }
  return done;
}

/**
 * Retries every dead letter in its conversation's order. Only those that died before the operation began, so that one that dies again
 * meanwhile is not retried for ever.
 */
export function retryAllKind(deps: Deps): OperationKind {
  return {
    name: RETRY_ALL,
    step: async ({ cursor, createdAt }) => {
      const ids = await deps.store.deadLetters.ids(cursor as JobId | null, CHUNK, createdAt);
      const lanes = [...Map.groupBy(ids, (id) => jobAddress(id)?.laneId ?? null).values()];
      const counts = await Promise.all(lanes.map((lane) => retryLane(deps, lane)));
      const done = counts.reduce((sum, count) => sum + count, 0);
      return { cursor: ids.at(-1) ?? cursor, done, failed: ids.length - done, finished: ids.length < CHUNK };
    },
  };
}
