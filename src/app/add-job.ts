import { AppError } from '../domain/errors.ts';
import type { JobId, LaneId, NewId, OrgId } from '../domain/ids.ts';
import type { NewJob } from '../domain/job.ts';
import type { Store } from '../ports/store.ts';
import type { LiveConfig } from './live-config.ts';

/** A job of one of the user's own kinds, in a lane of its own. */
export interface JobToAdd extends Pick<NewJob, 'kind' | 'payload' | 'inMs' | 'priority' | 'key' | 'reuseKey'> {
  /** The first org of the configuration when left out. */
  orgId?: OrgId;
}

/** `isNew` false: the key has a job already, which is this one. */
export type AddJob = (job: JobToAdd) => Promise<{ jobId: JobId; isNew: boolean }>;

const MAX_KEY = 300;

interface AddJobDeps {
  live: LiveConfig;
  store: Pick<Store, 'mailbox'>;
  newId: NewId;
  wake(laneId: LaneId, inMs?: number): void;
}

/** @throws AppError `job_invalid` for a kind without a handler, an org that is not configured, or a key that is too long. */
export function createAddJob({ live, store, newId, wake }: AddJobDeps): AddJob {
  function refusal({ kind, key, orgId }: JobToAdd): string | null {
    const { jobs, orgs } = live.config;
    if (!Object.hasOwn(jobs, kind)) return `kind ${kind} has no handler: add jobs.${kind} to the configuration`;
    if (key !== undefined && (key.length === 0 || key.length > MAX_KEY)) return `key must have 1 to ${MAX_KEY} characters`;
    if (orgId !== undefined && !orgs.some(({ id }) => id === orgId)) return `orgId ${orgId} is no org of this configuration`;
    return null;
  }

  return async (job) => {
    const why = refusal(job);
    if (why !== null) throw new AppError('job_invalid', why);
    const { kind, payload, inMs, priority, key, reuseKey, orgId = live.config.orgs[0]?.id as OrgId } = job;
    const { jobId, laneId, isNew } = await store.mailbox.addJob({ kind, payload, inMs, priority, key, reuseKey, orgId, laneId: newId('lane') });
    if (isNew) wake(laneId, inMs);
    return { jobId, isNew };
  };
}
