import { backoffMs } from '../domain/backoff.ts';
import { jobId } from '../domain/ids.ts';
import type { OpenJob, Outcome } from '../domain/job.ts';
import type { JobHandler } from '../ports/job-handler.ts';
import type { Begun } from '../ports/mailbox.ts';
import { within } from './deadline.ts';
import { AGAIN, type Hold, type Step, type Work } from './deps.ts';
import { handledOutcome } from './handled-outcome.ts';
import { Progress } from './progress.ts';
import { codeOf, tellOutcome } from './tell.ts';

/** Moves a delayed job to its conversation's lane. The one kind that is ours. */
const PROMOTE = 'promote';

/** How a handler left its job. `code`: what its error may be called outside. */
interface Handled {
  outcome: Outcome;
  code: string;
}

/** True when this process can run jobs of the kind. */
export const isRunnable = ({ deps }: Pick<Work, 'deps'>, kind: string): boolean => kind === PROMOTE || deps.handler(kind) !== undefined;

/** Runs a job that nobody speaks in: begin ▸ handle ▸ complete. */
export async function runJob(work: Work, hold: Hold, job: OpenJob): Promise<Step> {
  if (job.kind === PROMOTE) return promote(work, hold, job);
  const { mailbox, clock, telemetry } = work.deps;
  const startedAt = clock.monotonic();
  const { maxAttempts, maxCrashes } = work.settings;
  const handled = await work.quarantine.run(job.crashes >= maxCrashes - 1, async () => {
    const begun = await mailbox.begin(hold.lease, { seqs: [job.seq], maxAttempts, maxCrashes, history: 0 });
    return outcomeOf(work, hold, { job, begun });
  });
  const { outcome } = handled;
  const retryInMs = outcome.kind === 'retry' ? (outcome.inMs ?? backoffMs(job.attempts + 1, work.settings.retryDelayMs)) : 0;
  await mailbox.complete(hold.lease, { seqs: [job.seq], outcome, retryInMs });
  tellOutcome(work, hold, { job, outcome, code: handled.code, retryInMs });
  const labels = { job_type: job.kind, org_id: hold.lease.orgId };
  telemetry.meter.observe('job_duration_seconds', { ...labels, status: outcome.kind }, (clock.monotonic() - startedAt) / 1000);
  if (outcome.kind !== 'retry') return { kind: 'ended', seqs: [job.seq] };
  telemetry.meter.count('job_retry_count', labels);
  return AGAIN;
}

/** A delayed job is due: it moves to its conversation's lane. */
async function promote(work: Work, hold: Hold, job: OpenJob): Promise<Step> {
  const { laneId } = await work.deps.mailbox.promote(hold.lease, job.seq);
  work.deps.wake(laneId);
  return AGAIN;
}

async function outcomeOf(work: Work, hold: Hold, at: { job: OpenJob; begun: Begun }): Promise<Handled> {
  const { job, begun } = at;
  const exhausted = begun.exhausted[0];
  if (exhausted) return dead(exhausted.reason, 'its attempts are used up');
  const handler = work.deps.handler(job.kind);
  if (!handler) return dead('unroutable', `no handler for jobs of kind ${job.kind}`);
  return handle(work, hold, { job, payload: begun.payload, handler });
}

const dead = (reason: (Outcome & { kind: 'dead' })['reason'], error: string): Handled => ({ outcome: { kind: 'dead', reason, error }, code: reason });

async function handle(work: Work, hold: Hold, at: { job: OpenJob; payload: unknown; handler: JobHandler }): Promise<Handled> {
  const { job, payload, handler } = at;
  const deadline = { clock: work.deps.clock, ms: work.settings.attemptMs, code: 'attempt_timeout', signal: hold.signal };
  const progress = new Progress(work, hold, job);
  const given = {
    id: jobId(hold.lease.laneId, job.seq), kind: job.kind, payload, attempt: job.attempts + 1,
    progress: (done: number, total: number) => progress.note(done, total),
  };
  try {
    const result = await within(deadline, async (signal) => handler(given, signal));
    return { outcome: handledOutcome(result), code: 'handler_retry' };
  } catch (error) {
    hold.signal.throwIfAborted();
    return { outcome: { kind: 'retry', error: error instanceof Error ? error.message : String(error) }, code: codeOf(error) };
  } finally {
    await progress.end();
  }
}
