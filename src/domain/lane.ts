import type { Conversation } from './conversation.ts';
import type { LaneId, OrgId } from './ids.ts';
import type { OpenJob } from './job.ts';
import type { StoredTurn } from './turn.ts';

/** The right to write to a lane, until somebody else's claim raises the epoch. */
export interface Lease {
  laneId: LaneId;
  orgId: OrgId;
  epoch: number;
}

/** What a worker reads of its lane in one statement: the unfinished jobs and the sequence up to which it saw them. */
export interface OpenLane {
  /** `last_seq` at the moment of reading; a release is only good against this value. */
  seen: number;
  /** Unfinished jobs, in order. At most the first few hundred; the rest shows up in the next reading. */
  jobs: OpenJob[];
  /** `null` for a lane that belongs to no conversation. */
  conversation: Conversation | null;
  /** The stored turn of the first job, when it has one. */
  turn: StoredTurn | null;
}

export interface Claimed {
  lease: Lease;
  open: OpenLane;
  /** Jobs whose attempt was cut off with the worker that held the lane before, by `seq`. */
  stalled: number[];
}

/**
 * No stored instant may be believed when it is further in the future than this: a clock set back would otherwise stop a
 * lane for as long. Longer waits are re-examined this often.
 */
export const MAX_PARK_MS = 3_600_000;

/** Jobs in which the bot acts in a conversation, and which end when a person takes it over. */
export const SPEAKING: ReadonlySet<string> = new Set(['turn', 'handoff', 'notice']);

/** True when the bot may not act in this job's conversation any more: a person took over since. */
export function isTaken(job: OpenJob, conversation: Conversation | null): boolean {
  if (!SPEAKING.has(job.kind) || !conversation) return false;
  return conversation.owner !== 'bot' || job.ownerEpoch !== conversation.ownerEpoch;
}
