import type { ConversationId, LaneId, MessageId, TurnId } from './ids.ts';
import type { DeadReason } from './message.ts';

export type JobState = 'scheduled' | 'available' | 'running' | 'retryable' | 'completed' | 'cancelled' | 'dead';

/**
 * `turn` answers a message, `handoff` leaves it to people, `notice` says something of ours in the conversation; every other kind is run
 * by the handler registered under its name.
 */
export type JobKind = 'turn' | 'handoff' | 'notice' | (string & {});

/** An unfinished job of a lane, as its worker sees it before it has begun: no payload, which might be poisonous. */
export interface OpenJob {
  seq: number;
  kind: JobKind;
  state: JobState;
  /** Executions begun and not handed back. */
  attempts: number;
  /** Process deaths while this job ran alone. */
  crashes: number;
  /** Failed or crashed in company: runs in a turn of its own until the guilty message is known. */
  suspect: boolean;
  /** Milliseconds until it may run, by the store's clock; 0 when it may run now. */
  readyInMs: number;
  /** Milliseconds since it was appended, by the store's clock. */
  ageMs: number;
  /** The conversation's ownership epoch when it was appended. */
  ownerEpoch: number;
  messageId: MessageId | null;
  turnId: TurnId | null;
}

/** How a job other than a turn ended, as its handler says. */
export type Outcome =
  | { kind: 'completed' }
  | { kind: 'cancelled'; reason: string }
  | { kind: 'retry'; inMs?: number; error: string }
  | { kind: 'dead'; reason: DeadReason; error: string };

/** A job to be written. `inMs` delays it; a delayed job for a conversation waits in a lane of its own until due. */
export interface NewJob {
  kind: JobKind;
  payload: unknown;
  inMs?: number;
  /** Lower goes first within an org; 0 is normal. */
  priority?: number;
  /** Append to this conversation's lane when due; otherwise it runs in a lane of its own. */
  conversationId?: ConversationId;
  laneId?: LaneId;
  /**
   * Names what the job is about, 1 to 300 characters, for a job in a lane of its own. A key has one job: when it has one already, nothing is
   * added. Keys are forgotten with the identities of messages (`RETENTION_IDENTITIES_DAYS`).
   */
  key?: string;
  /** True: a job of the key that is completed or cancelled makes room for another one. */
  reuseKey?: boolean;
}
