import type { ConversationId, JobId, MessageId } from '../domain/ids.ts';

export interface QueueCounts {
  waiting: number;
  active: number;
  delayed: number;
  completed: number;
  failed: number;
}

/** What is known of one message, from webhook to ending. Times are UTC ms; null when it did not get there. */
export interface MessageRecord {
  id: MessageId;
  orgId: string;
  channelId: string;
  conversationId: ConversationId;
  externalId: string | null;
  sentAt: number;
  receivedAt: number;
  verifiedAt: number;
  acceptedAt: number;
  verdict: string;
  ending: string | null;
  endingReason: string | null;
  endedAt: number | null;
  job: { id: JobId; state: string; attempts: number; crashes: number; createdAt: number; startedAt: number | null; endedAt: number | null; error: string | null } | null;
  /** Attempts that did not end well, in order. */
  attempts: { n: number; startedAt: number | null; endedAt: number; outcome: 'failed' | 'crashed' | 'handed_back'; error: string | null }[];
  turn: { id: string; kind: string; responder: string; model: string | null; usage: { inputTokens: number; outputTokens: number } | null; plannedAt: number; members: number } | null;
  sends: { part: number; state: string; tries: number; ambiguous: boolean; startedAt: number | null; endedAt: number | null; providerId: string | null; error: string | null }[];
}

/** How much there is to do for all workers together. */
export interface Load {
  /** Lanes that a worker could take now; up to {@link LOAD_MOST} are counted. What is paused is not among them. */
  waiting: number;
  /** Lanes in the hands of workers. */
  active: number;
  /** How long the first job of those that wait could have run already, ms. */
  oldestWaitingMs: number;
  /** What a turn takes from its last attempt's begin to its end: the median of the last hundred, ms. Null: there was none yet. */
  serviceMs: number | null;
}

export const LOAD_MOST = 10_000;

/** Read-only views, and the pruning of what is old. */
export interface Reports {
  message(id: MessageId): Promise<MessageRecord | null>;
  /** Newest first. */
  messages(conversationId: ConversationId, limit: number): Promise<{ id: MessageId; direction: string; text: string; sentAt: number; ending: string | null }[]>;
  counts(): Promise<QueueCounts>;
  /** Age of the oldest job that may run and has not, ms. */
  oldestWaitingMs(): Promise<number>;
  load(): Promise<Load>;
  /**
   * Deletes up to `limit` rows of each kind that ended before these instants (UTC ms). Identities of messages outlive
   * their bodies. Returns how many rows went.
   */
  prune(before: { bodies: number; identities: number; deadLetters: number }, limit: number): Promise<number>;
}
