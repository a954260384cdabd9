import { jobId } from '../../../src/domain/ids.ts';
import type { DeadLetter, DeadLetterFilter, DeadLetters, RetryResult } from '../../../src/ports/dead-letters.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import { conversationOf, jobOf, pushJob } from './state.ts';
import type { JobRow, LaneRow, State } from './state.ts';

const idOf = (job: JobRow) => jobId(job.laneId, job.seq);
const laneOfJob = (state: State, job: JobRow) => state.lanes.get(job.laneId) as LaneRow;

/** Dead jobs, kept until somebody decides. */
export function deadLetters(state: State): Commands<DeadLetters> {
  const discard = (job: JobRow | undefined): boolean => {
    if (!job?.letter) return false;
    forget(job, 'discarded');
    return true;
  };
  return {
    list: (filter, page) => list(state, filter, page),
    stats: (filter = {}) => {
      const jobs = letters(state, filter);
      const byReason: Record<string, number> = {};
      for (const { reason } of jobs) byReason[reason ?? ''] = (byReason[reason ?? ''] ?? 0) + 1;
      return { total: jobs.length, oldestAt: jobs.length > 0 ? Math.min(...jobs.map((job) => job.endedAt ?? 0)) : null, byReason };
    },
    ids: (after, limit, until) => {
      const from = after ? jobOf(state, after) : undefined;
      return letters(state, {})
        .sort(byPlace)
        .filter((job) => (job.endedAt ?? 0) <= until && (!from || byPlace(job, from) > 0))
        .slice(0, limit)
        .map(idOf);
    },
    retry: (id) => retry(state, id),
    discard: (id) => discard(jobOf(state, id)),
    purge: (limit, until) =>
      letters(state, {})
        .filter((job) => (job.endedAt ?? 0) <= until)
        .sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0) || byPlace(a, b))
        .slice(0, limit)
        .filter(discard).length,
  };
}

/** The letter goes; the row stays, as one that will not run. */
function forget(job: JobRow, reason: string): void {
  Object.assign(job, { letter: false, state: 'cancelled', reason });
}

const byPlace = (a: JobRow, b: JobRow): number => (a.laneId === b.laneId ? a.seq - b.seq : a.laneId < b.laneId ? -1 : 1);

function letters(state: State, filter: DeadLetterFilter): JobRow[] {
  const all = [...state.lanes.values()].flatMap((lane) => [...lane.jobs.values()]);
  return all.filter(
    (job) =>
      job.letter &&
      (filter.org === undefined || job.orgId === filter.org) &&
      (filter.channel === undefined || conversationOf(state, laneOfJob(state, job))?.channelId === filter.channel) &&
      (filter.kind === undefined || job.kind === filter.kind) &&
      (filter.reason === undefined || job.reason === filter.reason),
  );
}

function list(state: State, filter: DeadLetterFilter, page: { limit: number; cursor?: string }) {
  const newest = letters(state, filter).sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0) || byPlace(b, a));
  const start = page.cursor ? newest.findIndex((job) => isAfter(job, page.cursor as string)) : 0;
  const rest = start < 0 ? [] : newest.slice(start);
  const jobs = rest.slice(0, page.limit);
  const last = jobs.at(-1);
  return { jobs: jobs.map((job) => letterOf(state, job)), nextCursor: last && rest.length > page.limit ? `${last.endedAt}:${idOf(last)}` : null };
}

/** Later in the list than the cursor's row, which may be gone by now. */
function isAfter(job: JobRow, cursor: string): boolean {
  const [at = '', id = ''] = cursor.split(':');
  const [, lane = '', seq = ''] = /^job_(.*)_(\d+)$/.exec(id) ?? [];
  const endedAt = job.endedAt ?? 0;
  return endedAt < Number(at) || (endedAt === Number(at) && byPlace(job, { laneId: lane, seq: Number(seq) } as JobRow) < 0);
}

function letterOf(state: State, job: JobRow): DeadLetter {
  const conversation = conversationOf(state, laneOfJob(state, job));
  return {
    jobId: idOf(job), originalJobId: job.retryOf, kind: job.kind, orgId: job.orgId, channelId: conversation?.channelId ?? null,
    conversationId: conversation?.id ?? null, failedAt: job.endedAt ?? 0, reason: job.reason ?? '', error: job.error, attempts: job.attempts,
    payload: structuredClone(job.payload), messageId: job.messageId,
  };
}

function retry(state: State, id: string): RetryResult {
  const job = jobOf(state, id);
  if (job?.retriedAs) return { kind: 'already' };
  if (!job?.letter) return { kind: 'unknown' };
  const lane = laneOfJob(state, job);
  if (job.kind === 'turn' && conversationOf(state, lane)?.owner === 'human') return { kind: 'human_owns' };
  const message = job.messageId ? state.messages.get(job.messageId) : undefined;
  if (message) Object.assign(message, { ending: null, endingReason: null, endedAt: null, reopened: message.reopened + 1 });
  const again = pushJob(state, lane, { kind: job.kind, payload: job.payload, messageId: job.messageId, priority: job.priority, retryOf: idOf(job) });
  job.retriedAs = idOf(again);
  forget(job, 'retried');
  continueTurn(state, job, again);
  return { kind: 'retried', retriedAs: idOf(again), laneId: lane.id };
}

/**
 * An answer that was stored is delivered, not made again: what was sent stays sent. A part whose fate is unknown is
 * planned again too, because an operator decided so; it stays ambiguous, so that it is looked for before it is written.
 */
function continueTurn(state: State, job: JobRow, again: JobRow): void {
  const turn = job.turnId ? state.turns.get(job.turnId) : undefined;
  if (!turn || turn.kind !== 'answer') return;
  if (turn.settled) {
    Object.assign(turn, { settled: null, members: [] });
    for (const send of turn.sends) {
      if (send.state === 'sent') continue;
      Object.assign(send, { state: 'planned', tries: 0, firstAt: null, reason: null, endedAt: null, ambiguous: send.ambiguous || send.state === 'unknown' });
    }
  }
  turn.ownerEpoch = again.ownerEpoch;
  turn.members.push(again.seq);
  again.turnId = turn.id;
}
