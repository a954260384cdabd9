import { AppError } from '../domain/errors.ts';
import { jobId } from '../domain/ids.ts';
import type { OpenJob, Outcome } from '../domain/job.ts';
import type { Claimed } from '../domain/lane.ts';
import type { StoredTurn } from '../domain/turn.ts';
import type { Happening } from '../ports/events.ts';
import type { Settled } from '../ports/ledger.ts';
import type { Hold, Work } from './deps.ts';

/** Tells whoever listens what happened to a job. Called after the commit that made it so. */
export function tell({ deps }: Pick<Work, 'deps'>, { lease }: Pick<Hold, 'lease'>, what: { seq: number; kind: string; happening: Happening }): void {
  const { laneId, orgId } = lease;
  const { seq, kind, happening } = what;
  deps.events.emit({ jobId: jobId(laneId, seq), orgId, laneId, kind, at: deps.clock.now(), ...happening });
}

/** Tells of attempts that were cut off with the lane's last worker. */
export function tellStalled(work: Pick<Work, 'deps'>, hold: Pick<Hold, 'lease'>, { open, stalled }: Claimed): void {
  for (const { seq, kind } of open.jobs) if (stalled.includes(seq)) tell(work, hold, { seq, kind, happening: { type: 'stalled' } });
}

/** How a job was left by whatever ran it. */
interface Left {
  job: OpenJob;
  outcome: Outcome;
  /** What its error may be called outside. */
  code?: string;
  retryInMs?: number;
}

function happeningOf({ job, outcome, code = 'error', retryInMs = 0 }: Left): Happening {
  switch (outcome.kind) {
    case 'retry':
      return { type: 'failed', attempt: job.attempts + 1, error: code, retryInMs: outcome.inMs ?? retryInMs };
    case 'dead':
      return { type: 'dead', reason: outcome.reason };
    case 'completed':
    case 'cancelled':
      return { type: 'completed', outcome: outcome.kind };
  }
}

export function tellOutcome(work: Pick<Work, 'deps'>, hold: Pick<Hold, 'lease'>, left: Left): void {
  tell(work, hold, { seq: left.job.seq, kind: left.job.kind, happening: happeningOf(left) });
}

/** Tells how a turn ended, to each of its jobs. */
export function tellTurn(work: Pick<Work, 'deps'>, hold: Pick<Hold, 'lease'>, at: { turn: Pick<StoredTurn, 'kind' | 'members'>; settled: Settled }): void {
  const { turn, settled } = at;
  const kind = turn.kind === 'notice' ? 'notice' : 'turn';
  const happening: Happening = settled.ending === 'dead' ? { type: 'dead', reason: settled.reason } : { type: 'completed', outcome: settled.ending };
  for (const seq of turn.members) tell(work, hold, { seq, kind, happening });
}

/** What an error may be called outside: our own codes, otherwise only that it was one. */
export const codeOf = (error: unknown): string => (error instanceof AppError ? error.code : 'error');
