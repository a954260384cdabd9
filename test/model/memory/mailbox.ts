import { sharesOf, startOf } from '../../../src/domain/fair-share.ts';
import type { Conversation } from '../../../src/domain/conversation.ts';
import type { JobId, LaneId, OrgId } from '../../../src/domain/ids.ts';
import { jobId, laneOf } from '../../../src/domain/ids.ts';
import type { NewJob, OpenJob } from '../../../src/domain/job.ts';
import { MAX_PARK_MS } from '../../../src/domain/lane.ts';
import type { Lease, OpenLane } from '../../../src/domain/lane.ts';
import { cleanText } from '../../../src/domain/message.ts';
import { MAY_NOTIFY, type Verdict } from '../../../src/domain/verdict.ts';
import type { Amendment, Appended, Arrival, ClaimRequest, ClaimResult, Mailbox } from '../../../src/ports/mailbox.ts';
import { LOST } from '../../../src/stores/commands.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import { isAllPaused, isPaused } from './controls.ts';
import { govern, isDueToBeSaid } from './govern.ts';
import { jobOfKey } from './jobs.ts';
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
function addJob(state: State, job: NewJob & { orgId: OrgId; laneId: LaneId }): { jobId: JobId; laneId: LaneId; isNew: boolean } {
  const known = jobOfKey(state, job);
  if (known) return { jobId: jobId(known.laneId, known.seq), laneId: known.laneId, isNew: false };
  if (job.key !== undefined) state.keys.set(job.key, job.laneId);
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
  return { jobId: jobId(lane.id, row.seq), laneId: lane.id, isNew: true };
}

function append(state: State, arrival: Arrival): Appended {
  const known = findMessage(state, arrival.channelId, arrival.message.externalId);
  if (known) return again(state, known, arrival);
  const conversation = ensureConversation(state, { ...arrival, externalId: arrival.message.conversation });
  conversation.locale = arrival.message.locale ?? conversation.locale;
  conversation.doubt ||= arrival.doubt;
  const verdict = govern(state, conversation, arrival);
  const message = storeMessage(state, conversation, arrival, verdict);
  const lane = ensureLane(state, laneOf(conversation.id), { orgId: conversation.orgId, conversationId: conversation.id });
  const { notice, work = 'turn' } = arrival;
  const isSaid = notice !== undefined && MAY_NOTIFY.has(verdict) && isDueToBeSaid(state, conversation, notice);
  if (isSaid) pushJob(state, lane, { kind: 'notice', payload: { text: cleanText(notice.text) }, messageId: null });
  const isOpen = verdict === 'accepted' || verdict === 'deferred';
  if (isOpen) {
    const due = verdict === 'deferred' ? { state: 'scheduled' as const, notBefore: state.clock.now() + arrival.deferMs } : {};
    pushJob(state, lane, { kind: work, payload: null, messageId: message.id, ...due }, arrival.debounceMs);
  } else endMessage(state, message.id, 'suppressed', verdict);
  return { verdict, conversationId: conversation.id, messageId: message.id, laneId: laneOf(conversation.id), wake: isOpen || isSaid };
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

/** Ready lanes of orgs that are neither paused nor full, those of an org in its own order. */
function claimable(state: State, { share, only }: ClaimRequest): LaneRow[] {
  const now = state.clock.now();
  const shareOf = sharesOf(share);
  const isFull = (orgId: OrgId, cap: number): boolean => cap > 0 && liveOf(state, orgId, now).length >= cap;
  return [...state.lanes.values()]
    .filter((lane) => hasWork(lane) && !isLeased(lane, now) && isReady(lane, now) && !isPaused(state, lane) && (!only || only.includes(lane.id)))
    .filter((lane) => !isFull(lane.orgId, shareOf(lane.orgId).cap))
    .sort((a, b) => a.priority - b.priority || a.rank - b.rank || (a.id < b.id ? -1 : 1));
}

/** The lane that starts first in virtual time, when its org was given `taken` by this claim already; of several the eldest. */
function nextLane(state: State, request: ClaimRequest, taken: readonly OrgId[]): LaneRow | undefined {
  const shareOf = sharesOf(request.share);
  const start = ({ orgId }: LaneRow): number => startOf(shareOf(orgId), request.share.now, taken.filter((each) => each === orgId).length);
  const heads = [...Map.groupBy(claimable(state, request), (lane) => lane.orgId).values()].map((lanes) => lanes[0] as LaneRow);
  return heads.sort((a, b) => start(a) - start(b) || a.rank - b.rank || (a.id < b.id ? -1 : 1))[0];
}

function claim(state: State, request: ClaimRequest): ClaimResult {
  const now = state.clock.now();
  for (const lane of state.lanes.values()) if (lane.readyAt > now + MAX_PARK_MS) lane.readyAt = 0;
  if (isAllPaused(state)) return { claimed: [], nextInMs: null };
  const claimed: ClaimResult['claimed'] = [];
  const taken: OrgId[] = [];
  let lane = nextLane(state, request, taken);
  for (; lane && claimed.length < request.limit; lane = nextLane(state, request, taken)) {
    const stalled = take(state, lane, request);
    taken.push(lane.orgId);
    claimed.push({ lease: { laneId: lane.id, orgId: lane.orgId, epoch: lane.epoch }, open: openLane(state, lane), stalled });
  }
  return { claimed, nextInMs: lane ? 0 : nextInMs(state) };
}

function take(state: State, lane: LaneRow, request: ClaimRequest): number[] {
  lane.owner = request.owner;
  lane.readyAt = 0;
  lane.leaseMs = request.leaseMs;
  lane.leaseUntil = state.clock.now() + request.leaseMs;
  lane.epoch += 1;
  const running = openJobs(lane).filter((job) => job.state === 'running' && !job.turnId);
  blameTheDead(state, running);
  return running.map(({ seq }) => seq);
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

/** Until the next lease ends or the next wait is over. What only a cap or a pause holds back waits for that. */
function nextInMs(state: State): number | null {
  const now = state.clock.now();
  const lanes = [...state.lanes.values()].filter(hasWork);
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
