import type { JobId, LaneId, OrgId } from '../domain/ids.ts';
import type { JobKind, JobState } from '../domain/job.ts';
import type { Lease } from '../domain/lane.ts';

/** What is known of one job. Instants are UTC ms; null when it did not get there. */
export interface JobRecord {
  id: JobId;
  orgId: OrgId;
  laneId: LaneId;
  kind: JobKind;
  state: JobState;
  attempts: number;
  crashes: number;
  reason: string | null;
  error: string | null;
  /** What its handler said last. */
  progress: { done: number; total: number } | null;
  /** The dead letter that this one is a retry of. */
  retryOf: JobId | null;
  createdAt: number;
  startedAt: number | null;
  endedAt: number | null;
}

/** A job that was added under a key: the last one of its lane. */
export interface KeyedJob {
  key: string;
  jobId: JobId;
  state: JobState;
}

/** Single jobs: what became of one, and those that were added under a key of their own. */
export interface Jobs {
  get(id: JobId): Promise<JobRecord | null>;
  /** How far a running job has come. Throws {@link LeaseLost} when fenced off. */
  progress(lease: Lease, at: { seq: number; done: number; total: number }): Promise<void>;
  /** The jobs of these keys; keys that were never used, or longer ago than the retention, are missing. */
  keyed(keys: string[]): Promise<KeyedJob[]>;
  /** Jobs under keys that begin with `prefix` and are neither completed nor cancelled, in the keys' order, after `after`. */
  openKeys(page: { prefix: string; after: string | null; limit: number }): Promise<KeyedJob[]>;
}
