import { jobAddress, jobId, type JobId, type LaneId } from '../../domain/ids.ts';
import type { DeadLetter, DeadLetterFilter, DeadLetters, DeadLetterStats, RetryResult } from '../../ports/dead-letters.ts';
import type { Commands } from '../commands.ts';
import { nextSeq } from './append.ts';
import type { Context } from './context.ts';
import { turnRow } from './turns.ts';

interface LetterRow {
  lane_id: string;
  seq: number;
  kind: string;
  attempts: number;
  message_id: string | null;
  payload: string | null;
  error: string | null;
  reason: string;
  retry_of: string | null;
  ended_at: number;
  org_id: string;
  channel_id: string | null;
  conversation_id: string | null;
}

interface DeadRow {
  lane_id: string;
  seq: number;
  kind: string;
  state: string;
  message_id: string | null;
  turn_id: string | null;
  payload: string | null;
}

interface Address {
  lane_id: string;
  seq: number;
}

function letterOf(row: LetterRow): DeadLetter {
  return {
    jobId: jobId(row.lane_id as LaneId, row.seq),
    originalJobId: row.retry_of as JobId | null,
    kind: row.kind,
    orgId: row.org_id,
    channelId: row.channel_id,
    conversationId: row.conversation_id,
    failedAt: row.ended_at,
    reason: row.reason,
    error: row.error,
    attempts: row.attempts,
    payload: row.payload === null ? null : JSON.parse(row.payload),
    messageId: row.message_id,
  } as DeadLetter;
}

const filters = (filter: DeadLetterFilter): (string | null)[] => [filter.org ?? null, filter.channel ?? null, filter.kind ?? null, filter.reason ?? null];

/** `{endedAt}.{jobId}` of the last letter of the page before. */
function parseCursor(cursor: string | undefined): { endedAt: number; laneId: string; seq: number } | null {
  const [at, id] = cursor?.split('.') ?? [];
  const address = id ? jobAddress(id) : null;
  return address && Number.isSafeInteger(Number(at)) ? { endedAt: Number(at), ...address } : null;
}

/** Asks for one letter more than the page holds, to know whether there is a next one. */
function list(ctx: Context, filter: DeadLetterFilter, page: { limit: number; cursor?: string }): { jobs: DeadLetter[]; nextCursor: string | null } {
  const from = parseCursor(page.cursor);
  const after = [from?.endedAt ?? null, from?.laneId ?? null, from?.seq ?? null];
  const rows = ctx.q.all<LetterRow>('deadLetters', ...filters(filter), ...after, page.limit + 1);
  const last = rows[page.limit - 1];
  const nextCursor = rows.length > page.limit && last ? `${last.ended_at}.${jobId(last.lane_id as LaneId, last.seq)}` : null;
  return { jobs: rows.slice(0, page.limit).map(letterOf), nextCursor };
}

function stats(ctx: Context, filter: DeadLetterFilter = {}): DeadLetterStats {
  const rows = ctx.q.all<{ reason: string; count: number; oldest: number }>('deadLetterStats', ...filters(filter));
  return {
    total: rows.reduce((sum, row) => sum + row.count, 0),
    oldestAt: rows.length > 0 ? Math.min(...rows.map((row) => row.oldest)) : null,
    byReason: Object.fromEntries(rows.map((row) => [row.reason, row.count])),
  };
}

function dead(ctx: Context, id: string): DeadRow | undefined {
  const at = jobAddress(id);
  return at ? ctx.q.one<DeadRow>('deadJob', at.laneId, at.seq) : undefined;
}

function retry(ctx: Context, id: JobId): RetryResult {
  const job = dead(ctx, id);
  if (!job) return { kind: 'unknown' };
  if (ctx.q.one<Address>('retriedAs', id)) return { kind: 'already' };
  if (job.state !== 'dead') return { kind: 'unknown' };
  const owner = ctx.q.one<{ owner: string; owner_epoch: number }>('ownerOf', job.lane_id);
  if (job.kind === 'turn' && owner?.owner === 'human') return { kind: 'human_owns' };
  const orgId = ctx.q.one<{ org_id: string }>('laneById', job.lane_id)?.org_id ?? '';
  const seq = nextSeq(ctx, { id: job.lane_id, orgId }, 0);
  const epoch = owner?.owner_epoch ?? 0;
  const turnId = continueTurn(ctx, job, { seq, epoch });
  ctx.q.run('insertJob', job.lane_id, seq, job.kind, 'available', 0, epoch, job.message_id, job.payload, id, turnId, ctx.now());
  ctx.q.run('forgetDead', job.lane_id, job.seq, 'retried');
  if (job.message_id) ctx.q.run('reopenMessage', job.message_id, seq);
  return { kind: 'retried', retriedAs: jobId(job.lane_id as LaneId, seq), laneId: job.lane_id };
}

/** The new job goes on with the stored answer: what was sent stays sent. An apology is not continued. */
function continueTurn(ctx: Context, job: DeadRow, as: { seq: number; epoch: number }): string | null {
  const turn = job.turn_id ? turnRow(ctx, job.turn_id) : undefined;
  if (!turn || turn.kind === 'apology') return null;
  const others = turn.settled_at === null ? (JSON.parse(turn.members) as number[]) : [];
  ctx.q.run('reopenTurn', turn.id, as.epoch, JSON.stringify([...others, as.seq]));
  if (turn.settled_at !== null) ctx.q.run('replanSends', turn.id);
  return turn.id;
}

function purge(ctx: Context, limit: number, until: number): number {
  const rows = ctx.q.all<Address>('oldestDead', limit, until);
  for (const row of rows) ctx.q.run('forgetDead', row.lane_id, row.seq, 'purged');
  return rows.length;
}

function discard(ctx: Context, id: string): boolean {
  const at = jobAddress(id);
  return at !== null && ctx.q.run('forgetDead', at.laneId, at.seq, 'discarded') > 0;
}

export function deadLetterCommands(ctx: Context): Commands<DeadLetters> {
  return {
    list: (filter, page) => list(ctx, filter, page),
    stats: (filter) => stats(ctx, filter),
    ids: (after, limit, until) => {
      const from = after ? jobAddress(after) : null;
      return ctx.q.all<Address>('deadIds', from?.laneId ?? '', from?.seq ?? 0, limit, until).map((row) => jobId(row.lane_id as LaneId, row.seq));
    },
    retry: (id) => retry(ctx, id),
    discard: (id) => discard(ctx, id),
    purge: (limit, until) => purge(ctx, limit, until),
  };
}
