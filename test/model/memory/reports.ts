import { jobId } from '../../../src/domain/ids.ts';
import { medianOf } from '../../../src/domain/median.ts';
import type { Load, MessageRecord, QueueCounts, Reports } from '../../../src/ports/reports.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import { isAllPaused, isPaused } from './controls.ts';
import { isEnded, readyInMs } from './state.ts';
import type { JobRow, LaneRow, MessageRow, SendRow, State, TurnRow } from './state.ts';

/** Read-only views, and pruning. */
export function reports(state: State): Commands<Reports> {
  const allJobs = (): JobRow[] => [...state.lanes.values()].flatMap((lane) => [...lane.jobs.values()]);
  return {
    message: (id) => {
      const message = state.messages.get(id);
      if (!message?.arrived || message.direction === 'outbound') return null;
      const jobs = allJobs().filter((each) => each.messageId === id);
      const job = jobs.at(-1);
      const turn = job?.turnId ? state.turns.get(job.turnId) : undefined;
      return { ...record(message, job, turn), attempts: jobs.flatMap((each) => each.log.map((row) => ({ ...row }))) };
    },
    messages: (conversationId, limit) =>
      [...state.messages.values()]
        .filter((each) => each.conversationId === conversationId && each.arrived)
        .sort((a, b) => b.position - a.position)
        .slice(0, limit)
        .map(({ id, direction, text, sentAt, ending }) => ({ id, direction, text, sentAt, ending })),
    counts: () => counts(allJobs()),
    oldestWaitingMs: () => {
      const now = state.clock.now();
      const waiting = allJobs().filter((job) => !isEnded(job) && job.state !== 'running' && readyInMs(job, now) === 0);
      return Math.max(0, ...waiting.map((job) => now - job.createdAt));
    },
    load: () => load(state),
    prune: (before, limit) => prune(state, before, limit),
  };
}

function load(state: State): Load {
  const now = state.clock.now();
  const open = [...state.lanes.values()].filter((lane) => lane.lastSeq > lane.doneSeq);
  const isHeld = (lane: LaneRow): boolean => lane.owner !== null && lane.leaseUntil > now;
  const dueAt = (lane: LaneRow): number => (lane.owner === null ? lane.readyAt : lane.leaseUntil);
  const waiting = isAllPaused(state) ? [] : open.filter((lane) => dueAt(lane) <= now && !isPaused(state, lane));
  const since = waiting.flatMap((lane) => [...lane.jobs.values()].filter((job) => !isEnded(job) && job.notBefore <= now).map((job) => Math.max(job.createdAt, job.notBefore, dueAt(lane))));
  const turns = [...state.turns.values()].filter((turn) => turn.settled);
  const times = turns.slice(-100).flatMap((turn) => {
    const job = state.lanes.get(turn.laneId)?.jobs.get(turn.members[0] as number);
    return job?.endedAt != null && job.startedAt !== null ? [job.endedAt - job.startedAt] : [];
  });
  const oldestWaitingMs = Math.max(0, ...since.map((at) => now - at));
  return { waiting: waiting.length, active: open.filter(isHeld).length, oldestWaitingMs, serviceMs: medianOf(times) };
}

function record(message: MessageRow, job: JobRow | undefined, turn: TurnRow | undefined): MessageRecord {
  const { id, orgId, channelId, conversationId, externalId, sentAt, receivedAt, verifiedAt, acceptedAt, verdict, ending, endingReason, endedAt } = message;
  return {
    id, orgId, channelId, conversationId, externalId, sentAt, receivedAt, verifiedAt, acceptedAt, verdict, ending, endingReason, endedAt,
    job: job ? jobRecord(job) : null,
    attempts: [],
    turn: turn ? { id: turn.id, kind: turn.kind, responder: turn.responder, model: turn.model, usage: turn.usage, plannedAt: turn.plannedAt, members: turn.members.length } : null,
    sends: turn ? turn.sends.map(sendRecord) : [],
  };
}

function jobRecord(job: JobRow): MessageRecord['job'] {
  const { state, attempts, crashes, createdAt, startedAt, endedAt, error } = job;
  return { id: jobId(job.laneId, job.seq), state, attempts, crashes, createdAt, startedAt, endedAt, error };
}

function sendRecord({ part, state, tries, ambiguous, startedAt, endedAt, providerId, error }: SendRow): MessageRecord['sends'][number] {
  return { part, state, tries, ambiguous, startedAt, endedAt, providerId, error };
}

function counts(jobs: JobRow[]): QueueCounts {
  const inState = (...states: JobRow['state'][]) => jobs.filter((job) => states.includes(job.state)).length;
  return {
    waiting: inState('available'), active: inState('running'), delayed: inState('scheduled', 'retryable'), completed: inState('completed'),
    failed: jobs.filter((job) => job.letter).length,
  };
}

/** What a letter needs to be retried outlives its own time. */
function prune(state: State, before: { bodies: number; identities: number; deadLetters: number }, limit: number): number {
  const jobs = [...state.lanes.values()].flatMap((lane) => [...lane.jobs.values()]);
  const letters = jobs.filter((job) => job.letter && (job.endedAt ?? 0) < before.deadLetters).slice(0, limit);
  for (const job of letters) job.letter = false;
  const kept = new Set(jobs.filter((job) => job.letter).map((job) => job.messageId));
  const over = (message: MessageRow): number | null => (message.direction === 'outbound' ? message.acceptedAt : message.endedAt);
  const ended = (at: number) => [...state.messages.values()].filter((each) => (over(each) ?? Infinity) < at && !kept.has(each.id));
  const bodies = ended(before.bodies).filter((each) => each.text !== '' || each.attachments.length > 0).slice(0, limit);
  for (const message of bodies) Object.assign(message, { text: '', attachments: [] });
  const identities = ended(before.identities).slice(0, limit);
  for (const { id } of identities) state.messages.delete(id);
  return bodies.length + identities.length + letters.length;
}
