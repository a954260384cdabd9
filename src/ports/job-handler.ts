import type { JobId } from '../domain/ids.ts';
import type { JobKind, Outcome } from '../domain/job.ts';

/** A job in the hands of its handler. */
export interface HandledJob {
  /** Names the job across attempts: a key for effects that must not be repeated. A retried dead letter has an id of its own. */
  id: JobId;
  kind: JobKind;
  payload: unknown;
  /** 1 for the first. */
  attempt: number;
  /**
   * Tells how far the job has come. May be called as often as one likes: what is passed on is at most one a second, and the last one.
   */
  progress(done: number, total: number): void;
}

/**
 * Runs a job that is not a turn. Returning nothing, or what is no outcome, means `completed`; throwing, or `retry`, leads to another attempt until they are used up. A
 * worker that dies in the middle leads to another attempt as well, so effects should bear repetition. `signal` aborts at the attempt's
 * deadline (`LOCAL_QUEUE_TIMEOUT_MS`), when the process stops, or when another worker has the job.
 */
export type JobHandler = (job: HandledJob, signal: AbortSignal) => Promise<Outcome | void> | Outcome | void;
