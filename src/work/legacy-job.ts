import type { Outcome } from '../domain/job.ts';
import { legacyOf } from '../domain/legacy-job.ts';
import type { JobHandler } from '../ports/job-handler.ts';
import type { LegacyQueue } from '../ports/legacy-queue.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { handledOutcome } from './handled-outcome.ts';

/** Writes down the end, if the outcome is one. The upkeep writes it when this fails: the work is done, and must not be done again. */
async function writeBack(at: { queue: LegacyQueue; id: string; outcome: Outcome }, { log }: Pick<Telemetry, 'log'>): Promise<void> {
  const { queue, id, outcome } = at;
  if (outcome.kind === 'retry') return;
  try {
    await queue.end(id, outcome.kind === 'dead' ? 'dead' : 'completed');
  } catch (error) {
    log.warn({ err: error, legacyId: id }, 'the end of a legacy job could not be written to its table now');
  }
}

/**
 * A handler whose jobs may have come from a row of a table queue: it runs only while the row is Chasqui's, and the row follows what
 * becomes of the job. Other jobs are handed on as they are. `queueOf`: null when that table is not configured here.
 */
export function followingLegacy(handler: JobHandler, queueOf: (source: string) => LegacyQueue | null, telemetry: Pick<Telemetry, 'log'>): JobHandler {
  return async (job, signal) => {
    const legacy = legacyOf(job.payload);
    if (!legacy) return handler(job, signal);
    const { source, id } = legacy.$legacy;
    const queue = queueOf(source);
    if (!queue) return { kind: 'retry', error: `the legacy queue ${source}, which this job came from, is not configured` };
    const row = await queue.begin(id, job.attempt);
    // An earlier attempt wrote its end there and died before it could be written here; or an old worker did it.
    if (row === 'completed') return { kind: 'completed' };
    if (row !== 'begun') return { kind: 'cancelled', reason: row === null ? 'legacy_row_gone' : 'legacy_row_taken' };
    const outcome = handledOutcome(await handler({ ...job, payload: legacy.payload }, signal));
    await writeBack({ queue, id, outcome }, telemetry);
    return outcome;
  };
}
