import type { JobId, LaneId, OrgId } from '../domain/ids.ts';

interface OfJob {
  jobId: JobId;
  orgId: OrgId;
  laneId: LaneId;
  /** The job's kind: `turn`, … */
  kind: string;
  /** By the clock of the process that saw it, UTC ms. */
  at: number;
}

/** What can happen to a job. Errors are codes, never what a person or a platform wrote. */
export type Happening =
  /** `outcome`: of a turn its ending (`answered`, `handed_off`, `suppressed`, or `unsaid`: withdrawn, taken over, nothing to say), otherwise `completed` or `cancelled`. */
  | { type: 'completed'; outcome: string }
  /** An attempt failed; another one follows after `retryInMs`. */
  | { type: 'failed'; attempt: number; error: string; retryInMs: number }
  /** Its attempt was cut off: the worker died or fell silent. Another one has it now. */
  | { type: 'stalled' }
  | { type: 'dead'; reason: string }
  | { type: 'progress'; done: number; total: number };

/** What happened to a job. Never holds a message's text. */
export type JobEvent = OfJob & Happening;

export type JobEventType = JobEvent['type'];

export const JOB_EVENT_TYPES = ['completed', 'failed', 'stalled', 'dead', 'progress'] as const satisfies readonly JobEventType[];

/**
 * What happens to jobs, as it happens. Told at most once and kept nowhere: what must not be missed is in the store. Between processes
 * it travels by whatever connects them.
 */
export interface Events {
  emit(event: JobEvent): void;
  subscribe(listener: (event: JobEvent) => void): Disposable;
}

/** Carries events between processes, as well as it can. */
export interface EventRelay {
  /** Rejects when they could not be sent; what was said is not repeated. */
  send(events: JobEvent[]): Promise<void>;
  /** Calls `hear` for events of other processes. Null where nothing can be heard. Dispose of it before the store is closed. */
  listen(hear: (event: JobEvent) => void): AsyncDisposable | null;
}
