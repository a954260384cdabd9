import type { Lease } from '../../../src/domain/lane.ts';
import type { DeadReason } from '../../../src/domain/message.ts';
import type { StoredTurn } from '../../../src/domain/turn.ts';
import { sendKey } from '../../../src/domain/turn.ts';
import { cleanText } from '../../../src/domain/message.ts';
import type { Ledger, PartEnd, PlanRequest, Settled, Start } from '../../../src/ports/ledger.ts';
import { LOST } from '../../../src/stores/commands.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import { clipped, conversationOf, endJob, fenced, findMessage, handOff, isTakenJob, isTakenTurn, members } from './state.ts';
import type { JobRow, LaneRow, SendRow, State, TurnRow } from './state.ts';

interface At {
  turn: TurnRow;
  send: SendRow;
}

/** What was decided to say, and what became of it. */
export function ledger(state: State): Commands<Ledger> {
  const leased = <R>(lease: Lease, act: (lane: LaneRow) => R): R | typeof LOST => {
    const lane = fenced(state, lease);
    return lane ? act(lane) : LOST;
  };
  return {
    plan: (lease, request) => leased(lease, (lane) => plan(state, lane, request)),
    startPart: (lease, at) => leased(lease, (lane) => startPart(state, lane, { ...partOf(state, at), ...at })),
    resend: (lease, at) => leased(lease, (lane) => resend(state, lane, { ...partOf(state, at), ...at })),
    recordSent: (at) => recordSent(state, partOf(state, at), at.providerId),
    endPart: (lease, at) => leased(lease, (lane) => endPart(state, lane, { ...partOf(state, at), end: at.end })),
    settle: (lease, turnId) => leased(lease, (lane) => settle(state, lane, turnOf(state, turnId))),
    close: (lease, turnId) => leased(lease, (lane) => close(state, lane, turnOf(state, turnId))),
  };
}

export function storedTurn(turn: TurnRow): StoredTurn {
  return {
    id: turn.id, kind: turn.kind, ownerEpoch: turn.ownerEpoch, members: [...turn.members], deadReason: turn.deadReason,
    sends: turn.sends.map(({ part, state, key, text, tries, ambiguous }) => ({ part, state, key, text, tries, ambiguous })),
  };
}

function turnOf(state: State, id: TurnRow['id']): TurnRow {
  const turn = state.turns.get(id);
  if (!turn) throw new Error(`no turn ${id}`);
  return turn;
}

function partOf(state: State, at: { turnId: TurnRow['id']; part: number }): At {
  const turn = turnOf(state, at.turnId);
  const send = turn.sends.find((each) => each.part === at.part);
  if (!send) throw new Error(`no part ${at.part} in turn ${at.turnId}`);
  return { turn, send };
}

function plan(state: State, lane: LaneRow, request: PlanRequest): StoredTurn | null {
  const jobs = members(lane, request.seqs);
  const stored = jobs.find((job) => job.turnId)?.turnId;
  if (stored) return storedTurn(turnOf(state, stored));
  if (jobs.some((job) => isTakenJob(state, lane, job))) {
    for (const job of jobs) handOff(state, job);
    return null;
  }
  const left = jobs.filter((job) => !isWithdrawn(state, job));
  for (const job of jobs) if (isWithdrawn(state, job)) endJob(state, job, { state: 'cancelled', ending: 'suppressed', reason: 'withdrawn' });
  if (left.length === 0) return null;
  if (request.reply.parts.length === 0) {
    for (const job of left) endJob(state, job, { state: 'completed', ending: 'suppressed', reason: 'empty_reply' });
    return null;
  }
  return storedTurn(store(state, lane, request, left));
}

const isWithdrawn = (state: State, job: JobRow): boolean => (job.messageId ? (state.messages.get(job.messageId)?.withdrawn ?? false) : false);

/** What a person's taking over makes of a turn. An apology's jobs are dead all the same. */
function takenEnd(of: TurnRow): Parameters<typeof endJob>[2] {
  if (of.kind === 'apology') return { state: 'dead', ending: 'dead', reason: of.deadReason ?? 'attempts_exhausted' };
  return { state: 'completed', ending: 'handed_off', reason: 'human_owns' };
}

function store(state: State, lane: LaneRow, { turnId, reply }: PlanRequest, jobs: JobRow[]): TurnRow {
  const turn: TurnRow = {
    id: turnId, laneId: lane.id, kind: reply.kind, ownerEpoch: conversationOf(state, lane)?.ownerEpoch ?? 0, members: jobs.map((job) => job.seq),
    sends: reply.parts.map((text, part) => newSend(turnId, part, text)),
    responder: reply.responder, model: reply.model ?? null, usage: reply.usage ?? null, deadReason: reply.deadReason ?? null,
    error: reply.error ?? null, plannedAt: state.clock.now(), settled: null,
  };
  state.turns.set(turn.id, turn);
  for (const job of jobs) job.turnId = turn.id;
  return turn;
}

function newSend(turnId: TurnRow['id'], part: number, text: string): SendRow {
  return {
    part, state: 'planned', key: sendKey(turnId, part), text: cleanText(text), tries: 0, ambiguous: false,
    firstAt: null, startedAt: null, endedAt: null, providerId: null, error: null, reason: null, shown: false,
  };
}

function startPart(state: State, lane: LaneRow, { turn, send, maxTries, patienceMs = 0 }: At & { maxTries: number; patienceMs?: number }): Start {
  if (send.state !== 'planned') return 'ended';
  if (isTakenTurn(state, lane, turn)) return 'taken';
  const spent = send.tries >= maxTries && state.clock.now() - (send.firstAt ?? 0) >= patienceMs;
  if (spent) return giveUp(state, send, send.ambiguous ? 'unknown' : 'failed');
  write(state, send);
  return 'go';
}

function resend(state: State, lane: LaneRow, { turn, send, maxTries, withinMs }: At & { maxTries: number; withinMs?: number }): Start {
  if (send.state !== 'sending') return 'ended';
  if (isTakenTurn(state, lane, turn)) return 'taken';
  const age = state.clock.now() - (send.firstAt ?? 0);
  if (withinMs !== undefined && !(age >= 0 && age < withinMs)) return 'too_old';
  send.ambiguous = true;
  if (send.tries >= maxTries) return giveUp(state, send, 'unknown');
  write(state, send);
  return 'go';
}

function write(state: State, send: SendRow): void {
  send.state = 'sending';
  send.tries += 1;
  send.startedAt = state.clock.now();
  send.firstAt ??= send.startedAt;
}

function giveUp(state: State, send: SendRow, to: 'failed' | 'unknown'): 'given_up' {
  send.state = to;
  send.reason = to === 'failed' ? 'send_failed' : 'ambiguous_send';
  send.endedAt = state.clock.now();
  return 'given_up';
}

function recordSent(state: State, { turn, send }: At, providerId: string | null): void {
  const mayBe = send.state === 'sending' || send.state === 'unknown' || (send.state === 'planned' && !turn.settled);
  if (!mayBe) return;
  send.state = 'sent';
  send.providerId = providerId;
  send.endedAt = state.clock.now();
  if (!send.shown) addOutbound(state, turn, send);
  send.shown = true;
}

function addOutbound(state: State, turn: TurnRow, send: SendRow): void {
  const lane = state.lanes.get(turn.laneId);
  const conversation = lane ? conversationOf(state, lane) : null;
  if (!conversation) return;
  const now = state.clock.now();
  const isNew = send.providerId !== null && !findMessage(state, conversation.channelId, send.providerId);
  const id = state.newId('msg');
  state.messages.set(id, {
    id, orgId: conversation.orgId, channelId: conversation.channelId, conversationId: conversation.id, direction: 'outbound',
    externalId: isNew ? send.providerId : null, author: turn.responder, text: send.text, attachments: [], sentAt: now, receivedAt: now, verifiedAt: now,
    acceptedAt: now, position: state.positions++, arrived: true, withdrawn: false, verdict: 'accepted', ending: null, endingReason: null,
    endedAt: null, reopened: 0, endings: 0,
  });
}

function endPart(state: State, lane: LaneRow, { turn, send, end }: At & { end: PartEnd }): void {
  if (send.state !== 'sending' && send.state !== 'planned') return;
  send.error = end.error;
  switch (end.state) {
    case 'planned': {
      if (!send.ambiguous) send.state = 'planned';
      const now = state.clock.now();
      const notBefore = isTakenTurn(state, lane, turn) ? 0 : clipped(now + end.retryInMs, now);
      for (const job of members(lane, turn.members)) job.notBefore = notBefore;
      return;
    }
    case 'ambiguous':
      send.ambiguous = true;
      return;
    case 'failed':
      return finishPart(state, send, send.ambiguous ? 'unknown' : 'failed', end.reason);
    case 'unknown':
      return finishPart(state, send, 'unknown', 'ambiguous_send');
  }
}

function finishPart(state: State, send: SendRow, to: 'failed' | 'unknown', reason: DeadReason): void {
  send.state = to;
  send.reason = to === 'unknown' ? 'ambiguous_send' : reason;
  send.endedAt = state.clock.now();
}

function settle(state: State, lane: LaneRow, turn: TurnRow): Settled {
  if (turn.settled) return { ...turn.settled };
  const bad = turn.sends.find((send) => send.state === 'failed' || send.state === 'unknown');
  cancelPlanned(state, turn);
  const reason = turn.kind === 'apology' ? (turn.deadReason ?? 'attempts_exhausted') : bad?.state === 'unknown' ? 'ambiguous_send' : bad ? (bad.reason ?? 'send_failed') : null;
  const error = turn.kind === 'apology' ? turn.error : (bad?.error ?? null);
  if (reason) return finishTurn(state, lane, turn, { state: 'dead', ending: 'dead', reason, error: error ?? undefined });
  return finishTurn(state, lane, turn, { state: 'completed', ending: 'answered', reason: 'reply' });
}

function close(state: State, lane: LaneRow, turn: TurnRow): Settled {
  if (turn.settled) return { ...turn.settled };
  for (const send of turn.sends) if (send.state === 'sending') finishPart(state, send, 'unknown', 'ambiguous_send');
  cancelPlanned(state, turn);
  return finishTurn(state, lane, turn, takenEnd(turn));
}

function cancelPlanned(state: State, turn: TurnRow): void {
  for (const send of turn.sends) {
    if (send.state !== 'planned') continue;
    send.state = 'cancelled';
    send.endedAt = state.clock.now();
  }
}

function finishTurn(state: State, lane: LaneRow, turn: TurnRow, end: Parameters<typeof endJob>[2]): Settled {
  turn.settled = { ending: end.ending, reason: end.reason };
  for (const job of members(lane, turn.members)) endJob(state, job, end);
  return { ...turn.settled };
}
