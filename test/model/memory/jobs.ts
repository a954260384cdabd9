import { jobId } from '../../../src/domain/ids.ts';
import type { LaneId } from '../../../src/domain/ids.ts';
import type { Jobs, KeyedJob } from '../../../src/ports/jobs.ts';
import { LOST } from '../../../src/stores/commands.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import { fenced, jobOf } from './state.ts';
import type { JobRow, State } from './state.ts';

const isOver = (job: JobRow): boolean => job.state === 'completed' || job.state === 'cancelled';

function lastOf(state: State, laneId: LaneId): JobRow | undefined {
  const lane = state.lanes.get(laneId);
  return lane?.jobs.get(lane.lastSeq);
}

/** The job that the key has already. */
export function jobOfKey(state: State, { key, reuseKey = false }: { key?: string; reuseKey?: boolean }): JobRow | undefined {
  const laneId = key === undefined ? undefined : state.keys.get(key);
  const job = laneId && lastOf(state, laneId);
  return job && !(reuseKey && isOver(job)) ? job : undefined;
}

/** Single jobs, and those of keys. */
export function jobs(state: State): Commands<Jobs> {
  const keyed = (key: string): KeyedJob[] => {
    const laneId = state.keys.get(key);
    const job = laneId && lastOf(state, laneId);
    return job ? [{ key, jobId: jobId(job.laneId, job.seq), state: job.state }] : [];
  };
  return {
    get: (id) => {
      const job = jobOf(state, id);
      if (!job) return null;
      const { orgId, laneId, kind, attempts, crashes, reason, error, progress, retryOf, createdAt, startedAt, endedAt } = job;
      return { id, orgId, laneId, kind, state: job.state, attempts, crashes, reason, error, progress, retryOf, createdAt, startedAt, endedAt };
    },
    progress: (lease, { seq, done, total }) => {
      const job = fenced(state, lease)?.jobs.get(seq);
      if (!job) return LOST;
      job.progress = { done, total };
    },
    keyed: (keys) => [...new Set(keys)].flatMap(keyed),
    openKeys: ({ prefix, after, limit }) =>
      [...state.keys.keys()]
        .filter((key) => key.startsWith(prefix) && key > (after ?? ''))
        .sort((a, b) => (a < b ? -1 : 1))
        .filter((key) => jobOfKey(state, { key, reuseKey: true }))
        .slice(0, limit)
        .flatMap(keyed),
  };
}
