import type { ShareRequest } from '../domain/fair-share.ts';
import type { ChannelId, ConversationId, JobId, LaneId, MessageId, OrgId } from '../domain/ids.ts';
import type { NewJob, Outcome } from '../domain/job.ts';
import type { Claimed, Lease, OpenLane } from '../domain/lane.ts';
import type { Ending, InboundMessage } from '../domain/message.ts';
import type { HistoryEntry, TurnMessage } from '../domain/turn.ts';
import type { Verdict } from '../domain/verdict.ts';

/** Something that is said at most once in a while in a conversation, however many ask for it at once. */
export interface Notice {
  topic: 'outside_hours' | 'limited';
  /** Not said when this topic's was at this instant or later, UTC ms. */
  since: number;
  text: string;
}

/** One inbound message on its way into the store, with what govern already knows about it. */
export interface Arrival {
  orgId: OrgId;
  channelId: ChannelId;
  message: InboundMessage;
  /** Used when the conversation (or message) is new. */
  conversationId: ConversationId;
  messageId: MessageId;
  /** When the webhook's first byte and its verified signature were seen, UTC ms; for the journey. */
  receivedAt: number;
  verifiedAt: number;
  /** Stored and ended at once with this verdict, when govern decided so. */
  refused: Extract<Verdict, 'unsupported' | 'human_owns' | 'outside_hours' | 'limited'> | null;
  /** What its job does: answer it (the default), or hand the conversation to people. */
  work?: 'turn' | 'handoff';
  /** Said before it, when {@link MAY_NOTIFY} has its verdict. */
  notice?: Notice;
  /** Unfinished jobs that the lane may hold before a message is `flooded`; 0, the default: any number. */
  maxOpen?: number;
  /** Milliseconds until its job may run (service hours); it keeps its place in the lane. */
  deferMs: number;
  /** How long an idle lane waits for the rest of a burst. */
  debounceMs: number;
  /**
   * Same text and attachments, same sender, nothing said in between, within this window: stored, not answered. A short text is no
   * repetition as long as it may answer another one of our last messages. 0: off.
   */
  duplicateWindowMs: number;
  /** The platform's state contradicts ours; ask it before the turn. */
  doubt: boolean;
}

export interface Appended {
  verdict: Verdict;
  conversationId: ConversationId;
  messageId: MessageId;
  laneId: LaneId;
  /** A worker should look at the lane. */
  wake: boolean;
}

/** A later change to a message that may or may not have arrived yet. */
export interface Amendment {
  orgId: OrgId;
  channelId: ChannelId;
  /** Used when the message is withdrawn before it arrived: a tombstone keeps its place. */
  conversationId: ConversationId;
  messageId: MessageId;
  conversation: string;
  externalId: string;
  change: { kind: 'edit'; text: string } | { kind: 'withdraw' };
}

export interface ClaimRequest {
  owner: string;
  /** Lanes at most. */
  limit: number;
  leaseMs: number;
  /** Whose turn it is. Caps are derived from the live leases themselves. */
  share: ShareRequest;
  /** Only these lanes (a wake-up's), instead of whatever is due. */
  only?: LaneId[];
}

export interface ClaimResult {
  claimed: Claimed[];
  /**
   * Milliseconds until it is worth claiming again: 0 when lanes were left that could be claimed too (with `only`: of those), else until the next
   * lane's time comes. What only a cap or a pause holds back is not counted. Null: nothing to wait for.
   */
  nextInMs: number | null;
}

export interface Begun {
  /** Members that may not run again; when there are any, nothing was begun. */
  exhausted: { seq: number; reason: 'attempts_exhausted' | 'crashed' }[];
  messages: TurnMessage[];
  /** Older messages of the conversation, oldest first, without the members. */
  history: HistoryEntry[];
  /** The job's own payload, for kinds other than `turn`. */
  payload: unknown;
}

export interface BeginRequest {
  seqs: number[];
  maxAttempts: number;
  maxCrashes: number;
  /** History entries at most. */
  history: number;
}

/**
 * The serial mailboxes. Every method is one transaction. Methods that take a lease throw {@link LeaseLost} when the
 * lane's epoch is no longer the lease's, having written nothing; they all extend the lease. Durations are relative:
 * the store's clock decides.
 */
export interface Mailbox {
  /** Stores a message and, unless it ended, its job. A known `(channel, external id)` changes nothing. */
  append(arrival: Arrival): Promise<Appended>;
  /** Edits or withdraws a message, before or after it arrived. */
  amend(amendment: Amendment): Promise<{ known: boolean }>;
  /** Adds a job that is not a message. `isNew` false: its key has a job already, which is the one returned. */
  addJob(job: NewJob & { orgId: OrgId; laneId: LaneId }): Promise<{ jobId: JobId; laneId: LaneId; isNew: boolean }>;
  /**
   * Takes up to `limit` lanes that have work which may run now and no live lease, in the order in which their orgs may start
   * them; within an org by priority, then by rank. Lanes of what is paused are not taken.
   */
  claim(request: ClaimRequest): Promise<ClaimResult>;
  /** Reads the unfinished jobs together with `last_seq`. */
  open(lease: Lease): Promise<OpenLane>;
  /** Counts the attempt, before anything of the payload is looked at; then returns what the attempt needs. */
  begin(lease: Lease, request: BeginRequest): Promise<Begun>;
  renew(lease: Lease): Promise<void>;
  /**
   * The attempt failed. A single job waits `retryInMs`; several become suspects, get the attempt back and wait too.
   * Members whose conversation was taken over end as handed off.
   */
  fail(lease: Lease, failure: { seqs: number[]; error: string; retryInMs: number }): Promise<void>;
  /** Gives attempts back that were cut short by a shutdown. */
  handBack(lease: Lease, seqs: number[]): Promise<void>;
  /** Ends a job that is not a turn, or a turn whose messages need no reply. A `retry` sets its next time. */
  complete(lease: Lease, end: { seqs: number[]; outcome: Outcome; ending?: Ending; reason?: string; retryInMs?: number }): Promise<void>;
  /** Moves a due delayed job to its conversation's lane and ends it here, in one statement. */
  promote(lease: Lease, seq: number): Promise<{ laneId: LaneId }>;
  /**
   * Gives the lane back. `drained` says that nothing was open at `seen`: it is only done if nothing came since, else
   * `again`. Otherwise it is parked until its first open job may run, or for `inMs` if longer.
   */
  release(lease: Lease, how: { drained: number } | { parkMs: number }): Promise<'released' | 'again'>;
}

