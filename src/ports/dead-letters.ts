import type { JobId, OrgId, ChannelId, ConversationId } from '../domain/ids.ts';

export interface DeadLetter {
  jobId: JobId;
  /** The job this one was a retry of. */
  originalJobId: JobId | null;
  kind: string;
  orgId: OrgId;
  channelId: ChannelId | null;
  conversationId: ConversationId | null;
  failedAt: number;
  reason: string;
  error: string | null;
  attempts: number;
  payload: unknown;
  messageId: string | null;
}

export interface DeadLetterFilter {
  org?: string;
  channel?: string;
  kind?: string;
  reason?: string;
}

export interface DeadLetterStats {
  total: number;
  oldestAt: number | null;
  byReason: Record<string, number>;
}

export type RetryResult = { kind: 'retried'; retriedAs: JobId; laneId: string } | { kind: 'unknown' } | { kind: 'already' } | { kind: 'human_owns' };

/** Jobs in state `dead`, kept with their cause until retried, discarded or purged. */
export interface DeadLetters {
  /** Newest first. `cursor` is opaque, from the page before. */
  list(filter: DeadLetterFilter, page: { limit: number; cursor?: string }): Promise<{ jobs: DeadLetter[]; nextCursor: string | null }>;
  stats(filter?: DeadLetterFilter): Promise<DeadLetterStats>;
  /** Oldest first within each conversation, for retry-all: those that died at `until` (UTC ms, the store's clock) or before. */
  ids(after: JobId | null, limit: number, until: number): Promise<JobId[]>;
  /** Appends a new job at the lane's end, once. Refused while a human owns the conversation. */
  retry(jobId: JobId): Promise<RetryResult>;
  /** The letter goes; the message's identity stays, so that a late redelivery is still a duplicate. */
  discard(jobId: JobId): Promise<boolean>;
  /** Discards up to `limit` of those that died at `until` (UTC ms, the store's clock) or before; returns how many went. */
  purge(limit: number, until: number): Promise<number>;
}
