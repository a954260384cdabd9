import type { Clock } from '../../../src/domain/clock.ts';
import type { Conversation } from '../../../src/domain/conversation.ts';
import type { ChannelId, ConversationId, JobId, LaneId, MessageId, NewId, OrgId, TurnId } from '../../../src/domain/ids.ts';
import { jobAddress, laneOf } from '../../../src/domain/ids.ts';
import type { JobKind, JobState } from '../../../src/domain/job.ts';
import type { Lease } from '../../../src/domain/lane.ts';
import { MAX_PARK_MS, SPEAKING } from '../../../src/domain/lane.ts';
import type { Attachment, DeadReason, Direction, Ending } from '../../../src/domain/message.ts';
import type { Send, TurnKind, Usage } from '../../../src/domain/turn.ts';
import type { EngineMode, Pause } from '../../../src/ports/controls.ts';
import type { Operation } from '../../../src/ports/operations.ts';

export interface LaneRow {
  id: LaneId;
  orgId: OrgId;
  conversationId: ConversationId | null;
  lastSeq: number;
  doneSeq: number;
  owner: string | null;
  leaseUntil: number;
  leaseMs: number;
  epoch: number;
  readyAt: number;
  rank: number;
  priority: number;
  jobs: Map<number, JobRow>;
}

export interface AttemptRow {
  n: number;
  startedAt: number | null;
  endedAt: number;
  outcome: 'failed' | 'crashed' | 'handed_back';
  error: string | null;
}

export interface JobRow {
  laneId: LaneId;
  seq: number;
  orgId: OrgId;
  kind: JobKind;
  state: JobState;
  attempts: number;
  crashes: number;
  suspect: boolean;
  notBefore: number;
  payload: unknown;
  priority: number;
  ownerEpoch: number;
  messageId: MessageId | null;
  turnId: TurnId | null;
  createdAt: number;
  startedAt: number | null;
  endedAt: number | null;
  error: string | null;
  reason: string | null;
  retryOf: JobId | null;
  progress: { done: number; total: number } | null;
  retriedAs: JobId | null;
  /** Dead, and neither retried nor discarded. */
  letter: boolean;
  log: AttemptRow[];
}

export interface MessageRow {
  id: MessageId;
  orgId: OrgId;
  channelId: ChannelId;
  conversationId: ConversationId;
  direction: Direction;
  externalId: string | null;
  author: string;
  text: string;
  attachments: Attachment[];
  sentAt: number;
  receivedAt: number;
  verifiedAt: number;
  acceptedAt: number;
  /** Order of acceptance. */
  position: number;
  /** False for a tombstone: the message was withdrawn before it arrived. */
  arrived: boolean;
  withdrawn: boolean;
  verdict: string;
  ending: Ending | null;
  endingReason: string | null;
  endedAt: number | null;
  reopened: number;
  /** Endings ever given: what the model test counts. */
  endings: number;
}

export interface SendRow extends Send {
  firstAt: number | null;
  startedAt: number | null;
  endedAt: number | null;
  providerId: string | null;
  error: string | null;
  reason: DeadReason | null;
  shown: boolean;
}

export interface TurnRow {
  id: TurnId;
  laneId: LaneId;
  kind: TurnKind;
  ownerEpoch: number;
  members: number[];
  sends: SendRow[];
  responder: string;
  model: string | null;
  usage: Usage | null;
  deadReason: DeadReason | null;
  error: string | null;
  plannedAt: number;
  settled: { ending: Ending; reason: string } | null;
}

export interface OperationRow extends Omit<Operation, 'state'> {
  state: Exclude<Operation['state'], 'interrupted'>;
  params: unknown;
  cursor: unknown;
  stumbles: number;
  owner: string | null;
  leaseUntil: number;
  epoch: number;
}

export interface State {
  clock: Clock;
  newId: NewId;
  lanes: Map<LaneId, LaneRow>;
  conversations: Map<ConversationId, Conversation>;
  messages: Map<MessageId, MessageRow>;
  turns: Map<TurnId, TurnRow>;
  cursors: Map<ChannelId, number>;
  operations: Map<string, OperationRow>;
  /** What jobs were added about: the lane of each. */
  keys: Map<string, LaneId>;
  /** By scope and id. */
  pauses: Map<string, Pause>;
  engineMode: EngineMode | null;
  positions: number;
  /** By conversation, the position from which on a text can be repeated: what was amended before is not there to repeat. */
  repeatableFrom: Map<ConversationId, number>;
  breakers: Map<string, { until: number; opened: number; probeUntil: number }>;
  /** When something of a topic was said last, by conversation and topic. */
  notices: Map<string, number>;
}

export function emptyState(clock: Clock, newId: NewId): State {
  return {
    clock, newId, positions: 0,
    lanes: new Map(), conversations: new Map(), messages: new Map(), turns: new Map(), cursors: new Map(), operations: new Map(), keys: new Map(), repeatableFrom: new Map(), notices: new Map(), breakers: new Map(),
    pauses: new Map(), engineMode: null,
  };
}

const ENDED: ReadonlySet<JobState> = new Set(['completed', 'cancelled', 'dead']);
export const isEnded = (job: JobRow): boolean => ENDED.has(job.state);

/**
 * The lane, when the lease is still good: the epoch is the lease's, and it was not given back. The lease is extended
 * once a third of it has passed, which spares most commands the write.
 */
export function fenced(state: State, lease: Lease): LaneRow | null {
  const lane = state.lanes.get(lease.laneId);
  if (!lane || lane.epoch !== lease.epoch || lane.leaseUntil === 0) return null;
  const left = lane.leaseUntil - state.clock.now();
  if (left < (lane.leaseMs * 2) / 3 || left > lane.leaseMs) extend(state, lane);
  return lane;
}

export function extend(state: State, lane: LaneRow): void {
  lane.leaseUntil = state.clock.now() + lane.leaseMs;
}

/** A lease that ends later than it could have been given for is a clock set back, not a lease. */
export function isLeased(lane: LaneRow, now: number): boolean {
  return lane.leaseUntil > now && lane.leaseUntil <= now + lane.leaseMs;
}

export function isReady(lane: LaneRow, now: number): boolean {
  return lane.readyAt <= now || lane.readyAt > now + MAX_PARK_MS;
}

export const clipped = (at: number, now: number): number => Math.min(at, now + MAX_PARK_MS);

/** A retry further away than any retry may be is a clock set back; a due time was asked for and is believed. */
export function readyInMs(job: JobRow, now: number): number {
  const wait = job.notBefore - now;
  if (wait <= 0) return 0;
  return job.state !== 'scheduled' && wait > MAX_PARK_MS ? 0 : wait;
}

export function openJobs(lane: LaneRow): JobRow[] {
  const open: JobRow[] = [];
  for (let seq = lane.doneSeq + 1; seq <= lane.lastSeq; seq++) {
    const job = lane.jobs.get(seq);
    if (job && !isEnded(job)) open.push(job);
  }
  return open;
}

/** The named jobs that have not ended, in order. */
export function members(lane: LaneRow, seqs: number[]): JobRow[] {
  return [...seqs].sort((a, b) => a - b).map((seq) => lane.jobs.get(seq)).filter((job) => job !== undefined && !isEnded(job)) as JobRow[];
}

export function jobOf(state: State, id: string): JobRow | undefined {
  const address = jobAddress(id);
  return address ? state.lanes.get(address.laneId)?.jobs.get(address.seq) : undefined;
}

export function conversationOf(state: State, lane: LaneRow): Conversation | null {
  return lane.conversationId ? (state.conversations.get(lane.conversationId) ?? null) : null;
}

/** A person took over since the job was appended. */
export function isTakenJob(state: State, lane: LaneRow, job: JobRow): boolean {
  const conversation = conversationOf(state, lane);
  if (!SPEAKING.has(job.kind) || !conversation) return false;
  return conversation.owner !== 'bot' || conversation.ownerEpoch !== job.ownerEpoch;
}

export function isTakenTurn(state: State, lane: LaneRow, turn: TurnRow): boolean {
  const conversation = conversationOf(state, lane);
  return conversation !== null && (conversation.owner !== 'bot' || conversation.ownerEpoch !== turn.ownerEpoch);
}

export function ensureLane(state: State, id: LaneId, of: { orgId: OrgId; conversationId: ConversationId | null }): LaneRow {
  const known = state.lanes.get(id);
  if (known) return known;
  const lane: LaneRow = {
    id, ...of, lastSeq: 0, doneSeq: 0, owner: null, leaseUntil: 0, leaseMs: 0, epoch: 0, readyAt: 0, rank: 0, priority: 0, jobs: new Map(),
  };
  state.lanes.set(id, lane);
  return lane;
}

export function findConversation(state: State, channelId: ChannelId, externalId: string): Conversation | null {
  for (const each of state.conversations.values()) if (each.channelId === channelId && each.externalId === externalId) return each;
  return null;
}

/** The conversation of a platform's id, made when it is new; its lane comes with it. */
export function ensureConversation(
  state: State,
  of: { orgId: OrgId; channelId: ChannelId; conversationId: ConversationId; externalId: string },
): Conversation {
  const known = findConversation(state, of.channelId, of.externalId);
  if (known) return known;
  const made: Conversation = {
    id: of.conversationId, orgId: of.orgId, channelId: of.channelId, externalId: of.externalId,
    owner: 'bot', ownerEpoch: 0, ownerSince: 0, locale: null, doubt: false,
  };
  state.conversations.set(made.id, made);
  ensureLane(state, laneOf(made.id), { orgId: of.orgId, conversationId: made.id });
  return made;
}

export function findMessage(state: State, channelId: ChannelId, externalId: string): MessageRow | null {
  for (const each of state.messages.values()) if (each.channelId === channelId && each.externalId === externalId) return each;
  return null;
}

type JobFields = Pick<JobRow, 'kind' | 'payload' | 'messageId'> & Partial<JobRow>;

/** Appends at the lane's end. An idle lane becomes ready when the job does, or after `debounceMs`. */
export function pushJob(state: State, lane: LaneRow, job: JobFields, debounceMs = 0): JobRow {
  const now = state.clock.now();
  const wasIdle = lane.lastSeq === lane.doneSeq;
  lane.lastSeq += 1;
  const row: JobRow = {
    laneId: lane.id, seq: lane.lastSeq, orgId: lane.orgId, state: 'available', attempts: 0, crashes: 0, suspect: false, notBefore: 0,
    priority: 0, ownerEpoch: conversationOf(state, lane)?.ownerEpoch ?? 0, turnId: null, createdAt: now, startedAt: null,
    endedAt: null, error: null, reason: null, retryOf: null, progress: null, retriedAs: null, letter: false, log: [], ...job,
  };
  lane.jobs.set(row.seq, row);
  if (wasIdle) {
    lane.readyAt = row.notBefore > 0 ? clipped(row.notBefore, now) : debounceMs > 0 ? now + debounceMs : 0;
    lane.rank = now;
    lane.priority = row.priority;
  }
  return row;
}

export function endMessage(state: State, id: MessageId | null, ending: Ending, reason: string): void {
  const message = id ? state.messages.get(id) : undefined;
  if (!message || message.ending) return;
  Object.assign(message, { ending, endingReason: reason, endedAt: state.clock.now(), endings: message.endings + 1 });
}

/** Ends a job and its message with it. */
export function endJob(state: State, job: JobRow, end: { state: 'completed' | 'cancelled' | 'dead'; ending: Ending; reason: string; error?: string }): void {
  job.state = end.state;
  job.endedAt = state.clock.now();
  job.reason = end.reason;
  job.error = end.error ?? job.error;
  job.letter = end.state === 'dead';
  endMessage(state, job.messageId, end.ending, end.reason);
}

export function handOff(state: State, job: JobRow): void {
  endJob(state, job, { state: 'completed', ending: 'handed_off', reason: 'human_owns' });
}

export function logAttempt(state: State, job: JobRow, outcome: AttemptRow['outcome'], error: string | null): void {
  job.log.push({ n: job.log.length + 1, startedAt: job.startedAt, endedAt: state.clock.now(), outcome, error });
}
