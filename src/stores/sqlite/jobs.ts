import { jobId, type LaneId } from '../../domain/ids.ts';
import type { Lease } from '../../domain/lane.ts';
import type { HistoryEntry, TurnMessage } from '../../domain/turn.ts';
import type { BeginRequest, Begun, Mailbox } from '../../ports/mailbox.ts';
import { LOST } from '../commands.ts';
import { nextSeq } from './append.ts';
import { clip, endJob, ENDED, fence, taken, type Context } from './context.ts';

interface JobRow {
  kind: string;
  state: string;
  attempts: number;
  crashes: number;
  suspect: number;
  owner_epoch: number;
  message_id: string | null;
  turn_id: string | null;
  payload: string | null;
}

interface MessageRow {
  id: string;
  external_id: string;
  author: string;
  text: string;
  attachments: string | null;
  sent_at: number;
  withdrawn: number;
}

interface HistoryRow {
  id: string;
  direction: string;
  text: string;
  sent_at: number;
}

const jobAt = (ctx: Context, laneId: LaneId, seq: number): JobRow | undefined => ctx.q.one<JobRow>('jobBySeq', laneId, seq);

function exhaustion(job: JobRow, request: BeginRequest): 'attempts_exhausted' | 'crashed' | null {
  if (job.crashes >= request.maxCrashes) return 'crashed';
  return job.attempts >= request.maxAttempts ? 'attempts_exhausted' : null;
}

export function begin(ctx: Context, lease: Lease, request: BeginRequest): Begun | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const jobs = request.seqs.flatMap((seq) => {
    const job = jobAt(ctx, lease.laneId, seq);
    return job ? [{ seq, job }] : [];
  });
  const exhausted = jobs.flatMap(({ seq, job }) => {
    const reason = exhaustion(job, request);
    return reason ? [{ seq, reason }] : [];
  });
  const messages = jobs.flatMap(({ seq, job }) => (job.message_id ? readMessage(ctx, seq, job.message_id) : []));
  if (exhausted.length > 0) return { exhausted, messages, history: [], payload: null };
  for (const { seq } of jobs) ctx.q.run('beginJob', lease.laneId, seq, ctx.now());
  const payload = jobs[0]?.job.payload;
  return { exhausted, messages, history: readHistory(ctx, lease.laneId, { members: messages, limit: request.history }), payload: payload ? JSON.parse(payload) : null };
}

function readMessage(ctx: Context, seq: number, id: string): TurnMessage[] {
  const row = ctx.q.one<MessageRow>('turnMessage', id);
  if (!row) return [];
  return [
    {
      id: row.id,
      seq,
      externalId: row.external_id,
      author: row.author,
      text: row.text,
      attachments: row.attachments ? JSON.parse(row.attachments) : [],
      sentAt: row.sent_at,
      withdrawn: row.withdrawn === 1,
    } as TurnMessage,
  ];
}

/** What was said before the turn's first message, oldest first. Ids sort by time. */
function readHistory(ctx: Context, laneId: LaneId, want: { members: TurnMessage[]; limit: number }): HistoryEntry[] {
  const first = want.members.map((message) => message.id as string).toSorted()[0];
  if (!first || want.limit <= 0) return [];
  const rows = ctx.q.all<HistoryRow>('history', laneId, first, want.limit);
  return rows.toReversed().map((row) => ({ role: row.direction === 'inbound' ? 'user' : 'assistant', text: row.text, at: row.sent_at }));
}

type Failure = Parameters<Mailbox['fail']>[1];

export function fail(ctx: Context, lease: Lease, failure: Failure): void | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const now = ctx.now();
  const retryAt = clip(now + failure.retryInMs, now);
  failure.seqs.forEach((seq, index) => {
    const job = jobAt(ctx, lease.laneId, seq);
    if (!job || job.turn_id !== null || job.state !== 'running') return;
    ctx.q.run('logAttempt', lease.laneId, seq, now, 'failed', failure.error);
    if (job.kind === 'turn' && taken(ctx, lease.laneId, job.owner_epoch)) return handOff(ctx, lease, { seq, job });
    if (failure.seqs.length === 1) ctx.q.run('retryJob', lease.laneId, seq, retryAt, failure.error);
    else ctx.q.run('suspectJob', lease.laneId, seq, index === 0 ? 'retryable' : 'available', index === 0 ? retryAt : 0, failure.error);
  });
}

function handOff(ctx: Context, lease: Lease, at: { seq: number; job: JobRow }): void {
  endJob(ctx, { laneId: lease.laneId, seq: at.seq, messageId: at.job.message_id }, { state: 'completed', ending: 'handed_off', reason: 'human_owns' });
}

export function handBack(ctx: Context, lease: Lease, seqs: number[]): void | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  for (const seq of seqs) {
    const job = jobAt(ctx, lease.laneId, seq);
    if (job?.state !== 'running' || job.turn_id !== null) continue;
    ctx.q.run('logAttempt', lease.laneId, seq, ctx.now(), 'handed_back', null);
    ctx.q.run('handBackJob', lease.laneId, seq);
  }
}

type Completion = Parameters<Mailbox['complete']>[1];

export function complete(ctx: Context, lease: Lease, end: Completion): void | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const { outcome } = end;
  for (const seq of end.seqs) {
    const job = jobAt(ctx, lease.laneId, seq);
    if (!job || ENDED.has(job.state)) continue;
    const at = { laneId: lease.laneId, seq, messageId: job.message_id };
    if (outcome.kind === 'retry') {
      ctx.q.run('logAttempt', lease.laneId, seq, ctx.now(), 'failed', outcome.error);
      ctx.q.run('retryJob', lease.laneId, seq, clip(ctx.now() + (end.retryInMs ?? outcome.inMs ?? 0), ctx.now()), outcome.error);
    } else if (outcome.kind === 'dead') {
      endJob(ctx, at, { state: 'dead', ending: end.ending ?? 'dead', reason: outcome.reason, error: outcome.error });
    } else {
      const reason = end.reason ?? (outcome.kind === 'cancelled' ? outcome.reason : 'reply');
      endJob(ctx, at, { state: outcome.kind, ending: end.ending ?? 'answered', reason });
    }
  }
}

/** Appending there and ending here are one transaction, so that a crash between them cannot do it twice. */
export function promote(ctx: Context, lease: Lease, seq: number): { laneId: LaneId } | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const job = jobAt(ctx, lease.laneId, seq);
  const due = JSON.parse(job?.payload ?? 'null') as { kind: string; payload: unknown; conversationId: string } | null;
  if (!job || !due || job.state === 'completed') return { laneId: lease.laneId };
  const laneId = due.conversationId as LaneId;
  const epoch = ctx.q.one<{ owner_epoch: number }>('ownerOf', laneId)?.owner_epoch ?? 0;
  const at = nextSeq(ctx, { id: laneId, orgId: lease.orgId }, 0);
  ctx.q.run('insertJob', laneId, at, due.kind, 'available', 0, epoch, null, JSON.stringify(due.payload ?? null), null, null, ctx.now());
  endJob(ctx, { laneId: lease.laneId, seq, messageId: null }, { state: 'completed', ending: 'answered', reason: jobId(laneId, at) });
  return { laneId };
}
