import type { ConversationId } from '../../../src/domain/ids.ts';
import { laneOf } from '../../../src/domain/ids.ts';
import type { Lease } from '../../../src/domain/lane.ts';
import type { HistoryEntry, TurnMessage } from '../../../src/domain/turn.ts';
import type { BeginRequest, Begun, Mailbox } from '../../../src/ports/mailbox.ts';
import { LOST } from '../../../src/stores/commands.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import {
  clipped, endJob, ensureLane, extend, fenced, handOff, isEnded, isTakenJob, logAttempt, members, openJobs, pushJob, readyInMs,
} from './state.ts';
import type { JobRow, LaneRow, State } from './state.ts';

type Half = Omit<Commands<Mailbox>, 'append' | 'amend' | 'addJob' | 'claim' | 'open'>;
type Completion = Parameters<Mailbox['complete']>[1];

/** The payload of a `promote` job: what to append to which conversation when due. */
interface Waiting {
  kind: string;
  payload: unknown;
  conversationId: ConversationId;
}

/** What a lease allows: attempts, and giving the lane back. */
export function mailboxAttempts(state: State): Half {
  const leased = <R>(lease: Lease, act: (lane: LaneRow) => R): R | typeof LOST => {
    const lane = fenced(state, lease);
    return lane ? act(lane) : LOST;
  };
  return {
    begin: (lease, request) => leased(lease, (lane) => begin(state, lane, request)),
    renew: (lease) => leased(lease, (lane) => extend(state, lane)),
    fail: (lease, failure) => leased(lease, (lane) => fail(state, lane, failure)),
    handBack: (lease, seqs) =>
      leased(lease, (lane) => {
        for (const job of members(lane, seqs)) if (job.state === 'running' && !job.turnId) handBack(state, job);
      }),
    complete: (lease, end) =>
      leased(lease, (lane) => {
        for (const job of members(lane, end.seqs)) complete(state, job, end);
      }),
    promote: (lease, seq) => leased(lease, (lane) => promote(state, lane, seq)),
    release: (lease, how) => leased(lease, (lane) => ('drained' in how ? drained(lane, how.drained) : park(state, lane, how.parkMs))),
  };
}

function begin(state: State, lane: LaneRow, request: BeginRequest): Begun {
  const jobs = members(lane, request.seqs);
  const exhausted: Begun['exhausted'] = [];
  for (const { seq, attempts, crashes } of jobs) {
    if (crashes >= request.maxCrashes) exhausted.push({ seq, reason: 'crashed' });
    else if (attempts >= request.maxAttempts) exhausted.push({ seq, reason: 'attempts_exhausted' });
  }
  if (exhausted.length === 0) for (const job of jobs) start(state, job);
  return {
    exhausted,
    messages: jobs.flatMap((job) => turnMessage(state, job)),
    history: exhausted.length > 0 ? [] : history(state, lane, jobs, request.history),
    payload: exhausted.length === 0 && jobs[0] && jobs[0].kind !== 'turn' ? structuredClone(jobs[0].payload) : null,
  };
}

function start(state: State, job: JobRow): void {
  job.attempts += 1;
  job.state = 'running';
  job.startedAt = state.clock.now();
}

function turnMessage(state: State, job: JobRow): TurnMessage[] {
  const message = job.messageId ? state.messages.get(job.messageId) : undefined;
  if (!message) return [];
  const { id, author, text, attachments, sentAt, withdrawn } = message;
  return [{ id, seq: job.seq, externalId: message.externalId ?? '', author, text, attachments: structuredClone(attachments), sentAt, withdrawn }];
}

/** What was said before the members: their elders that were not suppressed, and every part that was sent. */
function history(state: State, lane: LaneRow, jobs: JobRow[], limit: number): HistoryEntry[] {
  const own = new Set(jobs.map((job) => job.messageId));
  if (own.has(null)) return [];
  const first = Math.min(...jobs.map((job) => (job.messageId && state.messages.get(job.messageId)?.position) ?? Infinity));
  const past = [...state.messages.values()].filter(
    (each) =>
      each.conversationId === lane.conversationId && !own.has(each.id) && !each.withdrawn && each.ending !== 'suppressed' &&
      (each.direction === 'outbound' || (each.ending !== null && each.position < first)),
  );
  return past
    .sort((a, b) => a.position - b.position)
    .slice(limit > 0 ? -limit : past.length)
    .map((each) => ({ role: each.direction === 'inbound' ? 'user' : 'assistant', text: each.text, at: each.sentAt }));
}

function fail(state: State, lane: LaneRow, failure: { seqs: number[]; error: string; retryInMs: number }): void {
  const now = state.clock.now();
  const notBefore = clipped(now + failure.retryInMs, now);
  const alive: JobRow[] = [];
  for (const job of members(lane, failure.seqs)) {
    if (job.turnId || job.state !== 'running') continue; // a stored reply wins over a failure after it
    logAttempt(state, job, 'failed', failure.error);
    if (isTakenJob(state, lane, job)) handOff(state, job);
    else alive.push(job);
  }
  alive.forEach((job, i) => {
    job.error = failure.error;
    job.state = i === 0 ? 'retryable' : 'available';
    job.notBefore = i === 0 ? notBefore : 0;
    if (failure.seqs.length === 1) return;
    job.suspect = true;
    job.attempts -= 1;
  });
}

function handBack(state: State, job: JobRow): void {
  logAttempt(state, job, 'handed_back', null);
  job.attempts -= 1;
  job.state = 'available';
}

function complete(state: State, job: JobRow, { outcome, ending, reason, retryInMs }: Completion): void {
  switch (outcome.kind) {
    case 'retry': {
      const now = state.clock.now();
      logAttempt(state, job, 'failed', outcome.error);
      Object.assign(job, { state: 'retryable', error: outcome.error, notBefore: clipped(now + (retryInMs ?? outcome.inMs ?? 0), now) });
      return;
    }
    case 'completed':
      return endJob(state, job, { state: 'completed', ending: ending ?? 'answered', reason: reason ?? 'reply' });
    case 'cancelled':
      return endJob(state, job, { state: 'cancelled', ending: ending ?? 'answered', reason: reason ?? outcome.reason });
    case 'dead':
      return endJob(state, job, { state: 'dead', ending: 'dead', reason: outcome.reason, error: outcome.error });
  }
}

function promote(state: State, lane: LaneRow, seq: number): { laneId: LaneRow['id'] } {
  const job = lane.jobs.get(seq);
  if (!job || isEnded(job)) return { laneId: lane.id };
  const due = job.payload as Waiting;
  const laneId = laneOf(due.conversationId);
  const target = ensureLane(state, laneId, { orgId: job.orgId, conversationId: due.conversationId });
  pushJob(state, target, { kind: due.kind, payload: due.payload, messageId: null });
  endJob(state, job, { state: 'completed', ending: 'answered', reason: 'promoted' });
  return { laneId };
}

function free(lane: LaneRow): void {
  lane.owner = null;
  lane.leaseUntil = 0;
}

function drained(lane: LaneRow, seen: number): 'released' | 'again' {
  if (lane.lastSeq !== seen) return 'again';
  free(lane);
  lane.doneSeq = seen;
  lane.readyAt = 0;
  return 'released';
}

function park(state: State, lane: LaneRow, parkMs: number): 'released' {
  const now = state.clock.now();
  const head = openJobs(lane)[0];
  free(lane);
  lane.doneSeq = head ? head.seq - 1 : lane.lastSeq;
  if (!head || isTakenJob(state, lane, head)) lane.readyAt = 0;
  else lane.readyAt = clipped(now + Math.max(readyInMs(head, now), parkMs), now);
  return 'released';
}
