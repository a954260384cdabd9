import type { OperateDeps } from '../operate-deps.ts';
import type { OperationKind } from './kind.ts';

export const PURGE = 'dlq_purge';

/** Letters in one step. */
const CHUNK = 500;

/** Discards every dead letter that died before the operation began. */
export function purgeKind({ store }: { store: Pick<OperateDeps['store'], 'deadLetters'> }): OperationKind {
  return {
    name: PURGE,
    step: async ({ createdAt }) => {
      const done = await store.deadLetters.purge(CHUNK, createdAt);
      return { cursor: null, done, failed: 0, finished: done < CHUNK };
    },
  };
}
