import { backoffMs } from '../domain/backoff.ts';
import type { OpenJob, Outcome } from '../domain/job.ts';
import type { Begun } from '../ports/mailbox.ts';
import { within } from './deadline.ts';
import { AGAIN, type Hold, type JobHandler, type Step, type Work } from './deps.ts';

/** Runs a job that is not a turn: begin ▸ handle ▸ complete. */
export async function runJob(work: Work, hold: Hold, job: OpenJob): Promise<Step> {
  if (job.kind === 'promote') return promote(work, hold, job);
  const { mailbox, clock, telemetry } = work.deps;
  const startedAt = clock.monotonic();
  const { maxAttempts, maxCrashes } = work.settings;
  const outcome = await work.quarantine.run(job.crashes >= maxCrashes - 1, async () => {
    const begun = await mailbox.begin(hold.lease, { seqs: [job.seq], maxAttempts, maxCrashes, history: 0 });
    return outcomeOf(work, hold, { job, begun });
  });
  const retryInMs = outcome.kind === 'retry' ? (outcome.inMs ?? backoffMs(job.attempts + 1, work.settings.retryDelayMs)) : undefined;
  await mailbox.complete(hold.lease, { seqs: [job.seq], outcome, retryInMs });
  const labels = { job_type: job.kind, org_id: hold.lease.orgId };
  telemetry.meter.observe('job_duration_seconds', { ...labels, status: outcome.kind }, (clock.monotonic() - startedAt) / 1000);
  if (outcome.kind === 'retry') telemetry.meter.count('job_retry_count', labels);
  return AGAIN;
}

/** A delayed job is due: it moves to its conversation's lane. */
async function promote(work: Work, hold: Hold, job: OpenJob): Promise<Step> {
  const { laneId } = await work.deps.mailbox.promote(hold.lease, job.seq);
  work.deps.wake(laneId);
  return AGAIN;
}

async function outcomeOf(work: Work, hold: Hold, at: { job: OpenJob; begun: Begun }): Promise<Outcome> {
  const { job, begun } = at;
  const exhausted = begun.exhausted[0];
  if (exhausted) return { kind: 'dead', reason: exhausted.reason, error: 'its attempts are used up' };
  const handler = work.deps.handlers[job.kind];
  if (!handler) return { kind: 'dead', reason: 'unroutable', error: `no handler for jobs of kind ${job.kind}` };
  return handle(work, hold, { job, payload: begun.payload, handler });
}

async function handle(work: Work, hold: Hold, at: { job: OpenJob; payload: unknown; handler: JobHandler }): Promise<Outcome> {
  const { job, payload, handler } = at;
  const deadline = { clock: work.deps.clock, ms: work.settings.attemptMs, code: 'attempt_timeout', signal: hold.signal };
  try {
    const result = await within(deadline, (signal) => handler({ kind: job.kind, payload, attempt: job.attempts + 1 }, signal));
    return result ?? { kind: 'completed' };
  } catch (error) {
    hold.signal.throwIfAborted();
    return { kind: 'retry', error: error instanceof Error ? error.message : String(error) };
  }
}
