import { instantPrefix, jobId, type LaneId } from '../../domain/ids.ts';
import { medianOf } from '../../domain/median.ts';
import { LOAD_MOST } from '../../ports/reports.ts';
import type { Load, MessageRecord, QueueCounts, Reports } from '../../ports/reports.ts';
import type { Commands } from '../commands.ts';
import type { Context } from './context.ts';

interface MessageRow {
  id: string;
  org_id: string;
  channel_id: string;
  conversation_id: string;
  external_id: string | null;
  sent_at: number;
  received_at: number;
  verified_at: number;
  accepted_at: number;
  verdict: string;
  ending: string | null;
  ending_reason: string | null;
  ended_at: number | null;
}

interface JobRow {
  seq: number;
  state: string;
  attempts: number;
  crashes: number;
  turn_id: string | null;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  error: string | null;
}

interface TurnRow {
  id: string;
  kind: string;
  responder: string;
  model: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  planned_at: number;
  members: string;
}

type SendRecord = MessageRecord['sends'][number];

function turnRecord(row: TurnRow): MessageRecord['turn'] {
  const usage = row.input_tokens === null && row.output_tokens === null ? null : { inputTokens: row.input_tokens ?? 0, outputTokens: row.output_tokens ?? 0 };
  const members = (JSON.parse(row.members) as number[]).length;
  return { id: row.id, kind: row.kind, responder: row.responder, model: row.model, usage, plannedAt: row.planned_at, members };
}

function jobRecord(row: JobRow, laneId: LaneId): MessageRecord['job'] {
  return {
    id: jobId(laneId, row.seq),
    state: row.state,
    attempts: row.attempts,
    crashes: row.crashes,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    error: row.error,
  };
}

function sendRecords(ctx: Context, turnId: string): SendRecord[] {
  const rows = ctx.q.all<Omit<SendRecord, 'ambiguous'> & { ambiguous: number }>('sendRecords', turnId);
  return rows.map((row) => ({ ...row, ambiguous: row.ambiguous === 1 }));
}

function message(ctx: Context, id: string): MessageRecord | null {
  const row = ctx.q.one<MessageRow>('messageRecord', id);
  if (!row) return null;
  const laneId = row.conversation_id as LaneId;
  const job = ctx.q.one<JobRow>('jobOfMessage', laneId, id);
  const turn = job?.turn_id ? ctx.q.one<TurnRow>('turnRecord', job.turn_id) : undefined;
  return {
    id: row.id,
    orgId: row.org_id,
    channelId: row.channel_id,
    conversationId: row.conversation_id,
    externalId: row.external_id,
    sentAt: row.sent_at,
    receivedAt: row.received_at,
    verifiedAt: row.verified_at,
    acceptedAt: row.accepted_at,
    verdict: row.verdict,
    ending: row.ending,
    endingReason: row.ending_reason,
    endedAt: row.ended_at,
    job: job ? jobRecord(job, laneId) : null,
    attempts: ctx.q.all<MessageRecord['attempts'][number]>('attemptsOfMessage', laneId, id),
    turn: turn ? turnRecord(turn) : null,
    sends: turn ? sendRecords(ctx, turn.id) : [],
  } as MessageRecord;
}

function counts(ctx: Context): QueueCounts {
  const open = new Map(ctx.q.all<{ bucket: string; count: number }>('openCounts', ctx.now()).map((row) => [row.bucket, row.count]));
  const ended = new Map(ctx.q.all<{ name: string; value: number }>('tallies').map((row) => [row.name, row.value]));
  return {
    waiting: open.get('waiting') ?? 0,
    active: open.get('active') ?? 0,
    delayed: open.get('delayed') ?? 0,
    completed: ended.get('completed') ?? 0,
    failed: ended.get('dead') ?? 0,
  };
}

function oldestWaitingMs(ctx: Context): number {
  const now = ctx.now();
  const at = ctx.q.one<{ at: number | null }>('oldestWaiting', now)?.at ?? null;
  return at === null ? 0 : Math.max(0, now - at);
}

function load(ctx: Context): Load {
  const now = ctx.now();
  const row = ctx.q.one<{ waiting: number; active: number; since: number | null }>('load', now, LOAD_MOST);
  const times = ctx.q.all<{ ms: number }>('serviceTimes').map(({ ms }) => ms);
  return {
    waiting: row?.waiting ?? 0,
    active: row?.active ?? 0,
    oldestWaitingMs: Math.max(0, now - (row?.since ?? now)),
    serviceMs: medianOf(times),
  };
}

type Before = Parameters<Reports['prune']>[0];

/** Up to where every body that may go has gone, so that each look need not pass over all the empty ones again. */
interface Swept {
  upTo: string;
}

function pruneBodies(ctx: Context, swept: Swept, what: { before: string; limit: number }): number {
  const gone = ctx.q.run('pruneBodies', swept.upTo, what.before, what.limit);
  if (gone < what.limit) swept.upTo = what.before;
  return gone;
}

function prune(ctx: Context, swept: Swept, what: { before: Before; limit: number }): number {
  const { before, limit } = what;
  const msg = (at: number): string => `msg_${instantPrefix(at)}`;
  const turn = (at: number): string => `turn_${instantPrefix(at)}`;
  const lane = (at: number): string => `lane_${instantPrefix(at)}`;
  return (
    pruneBodies(ctx, swept, { before: msg(before.bodies), limit }) +
    ctx.q.run('pruneSends', turn(before.bodies), limit) +
    ctx.q.run('pruneDead', before.deadLetters, limit) +
    ctx.q.run('pruneJobs', msg(before.identities), limit) +
    ctx.q.run('pruneOwnJobs', lane(before.identities), limit) +
    ctx.q.run('pruneTurns', turn(before.identities), limit) +
    ctx.q.run('pruneOrphanSends', turn(before.identities), limit) +
    ctx.q.run('pruneAttempts', before.identities, limit) +
    ctx.q.run('pruneOperations', before.identities, limit) +
    ctx.q.run('pruneKeys', before.identities, limit) +
    ctx.q.run('pruneMessages', msg(before.identities), limit) +
    ctx.q.run('pruneLanes', lane(before.identities), limit)
  );
}

export function reportCommands(ctx: Context): Commands<Reports> {
  const swept: Swept = { upTo: '' };
  return {
    message: (id) => message(ctx, id),
    messages: (conversationId, limit) => ctx.q.all('conversationMessages', conversationId, limit),
    counts: () => counts(ctx),
    oldestWaitingMs: () => oldestWaitingMs(ctx),
    load: () => load(ctx),
    prune: (before, limit) => prune(ctx, swept, { before, limit }),
  };
}
