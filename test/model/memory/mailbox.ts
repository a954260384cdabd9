import type { Conversation } from '../../../src/domain/conversation.ts';
import type { JobId, LaneId, OrgId } from '../../../src/domain/ids.ts';
import { jobId, laneOf } from '../../../src/domain/ids.ts';
import type { NewJob, OpenJob } from '../../../src/domain/job.ts';
import { MAX_PARK_MS } from '../../../src/domain/lane.ts';
import type { Lease, OpenLane } from '../../../src/domain/lane.ts';
import { cleanText } from '../../../src/domain/message.ts';
import type { Verdict } from '../../../src/domain/verdict.ts';
import type { Amendment, Appended, Arrival, ClaimRequest, ClaimResult, Mailbox } from '../../../src/ports/mailbox.ts';
import { LOST } from '../../../src/stores/commands.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import { storedTurn } from './ledger.ts';
import {
  conversationOf, endMessage, ensureConversation, ensureLane, fenced, findMessage, isLeased, isReady, logAttempt, openJobs, pushJob, readyInMs,
} from './state.ts';
import type { JobRow, LaneRow, MessageRow, State } from './state.ts';

const OPEN_LIMIT = 200;

type Half = Pick<Commands<Mailbox>, 'append' | 'amend' | 'addJob' | 'claim' | 'open'>;

/** The way in and the way to a lease. */
export function mailboxEntry(state: State): Half {
  return {
    append: (arrival) => append(state, arrival),
    amend: (amendment) => amend(state, amendment),
    addJob: (job) => addJob(state, job),
    claim: (request) => claim(state, request),
    open: (lease: Lease) => {
      const lane = fenced(state, lease);
      return lane ? openLane(state, lane) : LOST;
    },
  };
}

/** A delayed job for a conversation waits in its own lane, as the `promote` job that will append it. */
function addJob(state: State, job: NewJob & { orgId: OrgId; laneId: LaneId }): { jobId: JobId; laneId: LaneId } {
  const delay = job.inMs ?? 0;
  const isDelayed = delay > 0;
  const target = job.conversationId;
  const payload = structuredClone(target && isDelayed ? { kind: job.kind, payload: job.payload, conversationId: target } : job.payload);
  const conversationId = target && !isDelayed ? target : null;
  const lane = ensureLane(state, conversationId ? laneOf(conversationId) : job.laneId, { orgId: job.orgId, conversationId });
  const row = pushJob(state, lane, {
    kind: target && isDelayed ? 'promote' : job.kind, payload, messageId: null, priority: job.priority ?? 0,
    ...(isDelayed ? { state: 'scheduled' as const, notBefore: state.clock.now() + delay } : {}),
  });
  return { jobId: jobId(lane.id, row.seq), laneId: lane.id };
}

function append(state: State, arrival: Arrival): Appended {
  const known = findMessage(state, arrival.channelId, arrival.message.externalId);
  if (known) return again(state, known, arrival);
  const conversation = ensureConversation(state, { ...arrival, externalId: arrival.message.conversation });
  conversation.locale = arrival.message.locale ?? conversation.locale;
  conversation.doubt ||= arrival.doubt;
  const verdict = govern(state, conversation, arrival);
  const message = storeMessage(state, conversation, arrival, verdict);
  const isOpen = verdict === 'accepted' || verdict === 'deferred';
  if (isOpen) {
    const lane = ensureLane(state, laneOf(conversation.id), { orgId: conversation.orgId, conversationId: conversation.id });
    const deferred = verdict === 'deferred';
    const due = deferred ? { state: 'scheduled' as const, notBefore: state.clock.now() + arrival.deferMs } : {};
    pushJob(state, lane, { kind: 'turn', payload: null, messageId: message.id, ...due }, arrival.debounceMs);
  } else endMessage(state, message.id, 'suppressed', verdict);
  return { verdict, conversationId: conversation.id, messageId: message.id, laneId: laneOf(conversation.id), wake: isOpen };
}

/** A repeated delivery changes nothing, unless it is what a tombstone waited for. */
function again(state: State, known: MessageRow, arrival: Arrival): Appended {
  const ids = { conversationId: known.conversationId, messageId: known.id, laneId: laneOf(known.conversationId), wake: false };
  if (known.arrived) return { verdict: 'duplicate', ...ids };
  const { author, sentAt } = bodyOf(arrival); // its text was withdrawn, and is not kept
  Object.assign(known, { author, sentAt, arrived: true });
  endMessage(state, known.id, 'suppressed', 'withdrawn');
  return { verdict: 'withdrawn', ...ids };
}

function govern(state: State, conversation: Conversation, arrival: Arrival): Verdict {
  if (arrival.refused) return arrival.refused;
  if (conversation.owner === 'human') return 'human_owns';
  if (repeatsText(state, conversation, arrival)) return 'duplicate_text';
  return arrival.deferMs > 0 ? 'deferred' : 'accepted';
}

function repeatsText(state: State, conversation: Conversation, arrival: Arrival): boolean {
  if (arrival.duplicateWindowMs <= 0) return false;
  const past = [...state.messages.values()].filter((each) => each.conversationId === conversation.id && each.arrived);
  const last = past.sort((a, b) => b.position - a.position)[0];
  if (!last || last.direction === 'outbound' || last.position < (state.repeatableFrom.get(conversation.id) ?? 0)) return false;
  if (last.ending === 'dead' || (last.ending === 'suppressed' && last.endingReason !== 'duplicate_text')) return false;
  const recent = Math.abs(state.clock.now() - last.acceptedAt) < arrival.duplicateWindowMs;
  return recent && last.text !== '' && last.author === cleanText(arrival.message.author) && last.text === cleanText(arrival.message.text);
}

function bodyOf({ message, receivedAt, verifiedAt }: Arrival) {
  return {
    author: cleanText(message.author), text: cleanText(message.text), attachments: structuredClone(message.attachments),
    sentAt: message.sentAt, receivedAt, verifiedAt,
  };
}

function storeMessage(state: State, conversation: Conversation, arrival: Arrival, verdict: Verdict): MessageRow {
  const row: MessageRow = {
    id: arrival.messageId, orgId: conversation.orgId, channelId: conversation.channelId, conversationId: conversation.id, direction: 'inbound',
    externalId: arrival.message.externalId, ...bodyOf(arrival), acceptedAt: state.clock.now(), position: state.positions++,
    arrived: true, withdrawn: false, verdict, ending: null, endingReason: null, endedAt: null, reopened: 0, endings: 0,
  };
  state.messages.set(row.id, row);
  return row;
}

function amend(state: State, amendment: Amendment): { known: boolean } {
  const { change } = amendment;
  const known = findMessage(state, amendment.channelId, amendment.externalId);
  if (!known) {
    if (change.kind === 'withdraw') tombstone(state, amendment);
    return { known: false };
  }
  if (!known.ending && change.kind === 'edit') known.text = cleanText(change.text);
  if (change.kind === 'withdraw') known.withdrawn = true;
  state.repeatableFrom.set(known.conversationId, state.positions);
  return { known: true };
}

function tombstone(state: State, amendment: Amendment): void {
  const conversation = ensureConversation(state, { ...amendment, externalId: amendment.conversation });
  const now = state.clock.now();
  state.messages.set(amendment.messageId, {
    id: amendment.messageId, orgId: conversation.orgId, channelId: conversation.channelId, conversationId: conversation.id, direction: 'inbound',
    externalId: amendment.externalId, author: '', text: '', attachments: [], sentAt: now, receivedAt: now, verifiedAt: now, acceptedAt: now,
    position: state.positions++, arrived: false, withdrawn: true, verdict: 'withdrawn', ending: null, endingReason: null, endedAt: null,
    reopened: 0, endings: 0,
  });
}

const hasWork = (lane: LaneRow): boolean => lane.lastSeq > lane.doneSeq;

function liveOf(state: State, orgId: LaneRow['orgId'], now: number): LaneRow[] {
  return [...state.lanes.values()].filter((lane) => lane.orgId === orgId && isLeased(lane, now));
}

function claim(state: State, request: ClaimRequest): ClaimResult {
  const now = state.clock.now();
  const wanted = request.only ? new Set(request.only) : null;
  for (const lane of state.lanes.values()) if (lane.readyAt > now + MAX_PARK_MS) lane.readyAt = 0;
  const free = [...state.lanes.values()]
    .filter((lane) => hasWork(lane) && !isLeased(lane, now) && isReady(lane, now) && (!wanted || wanted.has(lane.id)))
    .sort((a, b) => a.priority - b.priority || a.rank - b.rank || (a.id < b.id ? -1 : 1));
  const claimed: ClaimResult['claimed'] = [];
  for (const lane of free) {
    if (claimed.length >= request.limit) break;
    if (request.share.cap > 0 && liveOf(state, lane.orgId, now).length >= request.share.cap) continue;
    take(state, lane, request);
    claimed.push({ lease: { laneId: lane.id, orgId: lane.orgId, epoch: lane.epoch }, open: openLane(state, lane) });
  }
  return { claimed, nextInMs: nextInMs(state, claimed.length >= request.limit) };
}

function take(state: State, lane: LaneRow, request: ClaimRequest): void {
  lane.owner = request.owner;
  lane.readyAt = 0;
  lane.leaseMs = request.leaseMs;
  lane.leaseUntil = state.clock.now() + request.leaseMs;
  lane.epoch += 1;
  blameTheDead(state, openJobs(lane).filter((job) => job.state === 'running' && !job.turnId));
}

/** Jobs left running are a dead worker's: guilt is certain only when one ran alone. */
function blameTheDead(state: State, running: JobRow[]): void {
  for (const job of running) {
    logAttempt(state, job, 'crashed', null);
    job.attempts -= 1;
    if (running.length === 1) job.crashes += 1;
    job.suspect = true;
    job.state = 'available';
  }
}

/** 0 when the limit left lanes behind that may run now. Lanes that only their org's cap holds back wait for its leases to end. */
function nextInMs(state: State, isLimited: boolean): number | null {
  const now = state.clock.now();
  const lanes = [...state.lanes.values()].filter(hasWork);
  if (isLimited && lanes.some((lane) => !isLeased(lane, now) && isReady(lane, now))) return 0;
  const waits = lanes.flatMap((lane) => (isLeased(lane, now) ? [lane.leaseUntil - now] : isReady(lane, now) ? [] : [lane.readyAt - now]));
  return waits.length > 0 ? Math.min(...waits) : null;
}

function openLane(state: State, lane: LaneRow): OpenLane {
  const jobs = openJobs(lane).slice(0, OPEN_LIMIT);
  const turn = jobs[0]?.turnId ? state.turns.get(jobs[0].turnId) : undefined;
  const conversation = conversationOf(state, lane);
  return {
    seen: lane.lastSeq,
    jobs: jobs.map((job) => openJob(state, job)),
    conversation: conversation ? { ...conversation } : null,
    turn: turn ? storedTurn(turn) : null,
  };
}

/** A job from the future is one from before the clock was set back: old, so that no burst waits for it to age. */
function ageMs(job: JobRow, now: number): number {
  return job.createdAt > now ? MAX_PARK_MS : now - job.createdAt;
}

function openJob(state: State, job: JobRow): OpenJob {
  const now = state.clock.now();
  const { seq, kind, attempts, crashes, suspect, ownerEpoch, messageId, turnId } = job;
  return { seq, kind, state: job.state, attempts, crashes, suspect, readyInMs: readyInMs(job, now), ageMs: ageMs(job, now), ownerEpoch, messageId, turnId };
}
