import { jobAddress, jobId, type LaneId } from '../../domain/ids.ts';
import type { JobState } from '../../domain/job.ts';
import type { JobRecord, Jobs, KeyedJob } from '../../ports/jobs.ts';
import { LOST, type Commands } from '../commands.ts';
import { fence, type Context } from './context.ts';

interface RecordRow {
  org_id: string;
  kind: string;
  state: string;
  attempts: number;
  crashes: number;
  reason: string | null;
  error: string | null;
  progress_done: number | null;
  progress_total: number | null;
  retry_of: string | null;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
}

interface KeyedRow {
  key: string;
  lane_id: LaneId;
  seq: number;
  state: JobState;
}

const keyedOf = ({ key, lane_id, seq, state }: KeyedRow): KeyedJob => ({ key, jobId: jobId(lane_id, seq), state });

function get(ctx: Context, id: string): JobRecord | null {
  const at = jobAddress(id);
  const row = at ? ctx.q.one<RecordRow>('jobRecord', at.laneId, at.seq) : undefined;
  if (!at || !row) return null;
  return {
    id: jobId(at.laneId, at.seq),
    orgId: row.org_id,
    laneId: at.laneId,
    kind: row.kind,
    state: row.state,
    attempts: row.attempts,
    crashes: row.crashes,
    reason: row.reason,
    error: row.error,
    progress: row.progress_done === null ? null : { done: row.progress_done, total: row.progress_total ?? 0 },
    retryOf: row.retry_of,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  } as JobRecord;
}

export function jobCommands(ctx: Context): Commands<Jobs> {
  return {
    get: (id) => get(ctx, id),
    progress: (lease, { seq, done, total }) => {
      if (fence(ctx, lease) === LOST) return LOST;
      ctx.q.run('noteProgress', lease.laneId, seq, done, total);
    },
    keyed: (keys) => ctx.q.all<KeyedRow>('keyedJobs', JSON.stringify(keys)).map(keyedOf),
    openKeys: ({ prefix, after, limit }) => ctx.q.all<KeyedRow>('openKeys', prefix, after ?? '', limit).map(keyedOf),
  };
}
