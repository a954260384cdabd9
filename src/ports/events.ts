import type { JobId, LaneId, OrgId } from '../domain/ids.ts';

interface OfJob {
  jobId: JobId;
  orgId: OrgId;
  laneId: LaneId;
  /** The job's kind: `turn`, … */
  kind: string;
  /** UTC ms. */
  at: number;
}

/** What happened to a job. Never holds a message's text. */
export type JobEvent = OfJob &
  (
    | { type: 'completed'; outcome: string }
    /** An attempt failed; another one follows after `retryInMs`. */
    | { type: 'failed'; attempt: number; error: string; retryInMs: number }
    /** Its worker died or fell silent; it goes on elsewhere. */
    | { type: 'stalled' }
    | { type: 'dead'; reason: string; error: string | null }
    | { type: 'progress'; done: number; total: number }
  );

export type JobEventType = JobEvent['type'];

/**
 * What happens to jobs, as it happens. Told at most once and kept nowhere: what must not be missed is in the store. Between processes
 * it travels by whatever connects them.
 */
export interface Events {
  emit(event: JobEvent): void;
  subscribe(listener: (event: JobEvent) => void): Disposable;
}
