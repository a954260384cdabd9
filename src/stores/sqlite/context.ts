import type { Conversation, Owner } from '../../domain/conversation.ts';
import type { NewId } from '../../domain/ids.ts';
import { MAX_PARK_MS, type Lease } from '../../domain/lane.ts';
import { LOST } from '../commands.ts';
import type { Statements } from './statements.ts';

/** What every command works with. Commands are synchronous: a command is one transaction, or a piece of a batch's. */
export interface Context {
  q: Statements;
  newId: NewId;
  /** The store's clock, UTC ms. */
  now(): number;
  /** True once after the clock was set back: instants from before would then hold their lanes for as long. */
  clockWasSetBack(): boolean;
  /** Counts an ended job; written with the batch. */
  tally(name: string): void;
}

export interface LaneRow {
  org_id: string;
  last_seq: number;
  done_seq: number;
  lease_until: number;
  lease_ms: number;
  epoch: number;
}

/**
 * The lane, if the lease's epoch still stands; otherwise {@link LOST}, and the command must return it having written
 * nothing. Extends the lease once a third of it has passed.
 */
export function fence(ctx: Context, lease: Lease): LaneRow | typeof LOST {
  const lane = ctx.q.one<LaneRow>('laneById', lease.laneId);
  if (!lane || lane.epoch !== lease.epoch || lane.lease_until === 0) return LOST;
  const now = ctx.now();
  const left = lane.lease_until - now;
  if (left < (lane.lease_ms * 2) / 3 || left > lane.lease_ms) ctx.q.run('extendLease', lease.laneId, now + lane.lease_ms);
  return lane;
}

/** No stored instant may lie further ahead than this: a clock set back must not stop a lane. */
export const clip = (at: number, now: number): number => Math.min(at, now + MAX_PARK_MS);

export interface WaitRow {
  state: string;
  not_before: number;
}

/** Milliseconds until a job may run. A retry time too far ahead is a clock set back; a due time is meant. */
export function waitMs(job: WaitRow, now: number): number {
  const left = job.not_before - now;
  if (job.state !== 'scheduled' && left > MAX_PARK_MS) return 0;
  return Math.max(left, 0);
}

interface ConversationRow {
  id: string;
  org_id: string;
  channel_id: string;
  external_id: string;
  owner: string;
  owner_epoch: number;
  owner_since: number;
  locale: string | null;
  doubt: number;
}

export function conversationOf(row: ConversationRow): Conversation {
  return {
    id: row.id,
    orgId: row.org_id,
    channelId: row.channel_id,
    externalId: row.external_id,
    owner: row.owner as Owner,
    ownerEpoch: row.owner_epoch,
    ownerSince: row.owner_since,
    locale: row.locale,
    doubt: row.doubt === 1,
  } as Conversation;
}

export function readConversation(ctx: Context, id: string): Conversation | null {
  const row = ctx.q.one<ConversationRow>('conversationById', id);
  return row ? conversationOf(row) : null;
}

/** True when the bot may not speak for a job begun under `ownerEpoch`. */
export function taken(ctx: Context, laneId: string, ownerEpoch: number): boolean {
  const row = ctx.q.one<{ owner: string; owner_epoch: number }>('ownerOf', laneId);
  return row !== undefined && (row.owner !== 'bot' || row.owner_epoch !== ownerEpoch);
}

export const ENDED: ReadonlySet<string> = new Set(['completed', 'cancelled', 'dead']);

export interface EndOfJob {
  state: 'completed' | 'cancelled' | 'dead';
  ending: string;
  reason: string;
  error?: string | null;
}

/** Ends a job and the message it answers. A message that has an ending keeps it. */
export function endJob(ctx: Context, job: { laneId: string; seq: number; messageId: string | null }, end: EndOfJob): void {
  const now = ctx.now();
  ctx.q.run('endJob', job.laneId, job.seq, end.state, now, end.error ?? null, end.reason);
  if (job.messageId) ctx.q.run('endMessage', job.messageId, end.ending, end.reason, now);
  ctx.tally(end.state);
}
