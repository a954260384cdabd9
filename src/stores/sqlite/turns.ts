import type { Lease } from '../../domain/lane.ts';
import { cleanText, type DeadReason } from '../../domain/message.ts';
import { sendKey, type SendState, type StoredTurn, type TurnKind } from '../../domain/turn.ts';
import type { PlanRequest, Settled } from '../../ports/ledger.ts';
import { LOST } from '../commands.ts';
import { endJob, ENDED, fence, taken, type Context, type EndOfJob } from './context.ts';

interface TurnRow {
  id: string;
  lane_id: string;
  kind: string;
  owner_epoch: number;
  members: string;
  dead_reason: string | null;
  settled_at: number | null;
}

interface SendRow {
  part: number;
  state: string;
  key: string;
  text: string;
  tries: number;
  ambiguous: number;
  first_at: number | null;
  reason: string | null;
}

interface Member {
  seq: number;
  state: string;
  owner_epoch: number;
  message_id: string | null;
  turn_id: string | null;
  withdrawn: boolean;
}

export const turnRow = (ctx: Context, id: string): TurnRow | undefined => ctx.q.one<TurnRow>('turnById', id);

export function readTurn(ctx: Context, id: string): StoredTurn | null {
  const turn = turnRow(ctx, id);
  if (!turn) return null;
  const sends = ctx.q.all<SendRow>('sendsOf', id).map((row) => ({
    part: row.part,
    state: row.state as SendState,
    key: row.key,
    text: row.text,
    tries: row.tries,
    ambiguous: row.ambiguous === 1,
  }));
  return {
    id: turn.id as StoredTurn['id'],
    kind: turn.kind as TurnKind,
    ownerEpoch: turn.owner_epoch,
    members: JSON.parse(turn.members) as number[],
    sends,
    deadReason: turn.dead_reason as DeadReason | null,
  };
}

function members(ctx: Context, lease: Lease, seqs: number[]): Member[] {
  return seqs.flatMap((seq) => {
    const job = ctx.q.one<Omit<Member, 'seq' | 'withdrawn'>>('jobBySeq', lease.laneId, seq);
    if (!job) return [];
    const message = job.message_id ? ctx.q.one<{ withdrawn: number }>('turnMessage', job.message_id) : undefined;
    return [{ ...job, seq, withdrawn: message?.withdrawn === 1 }];
  });
}

function endMembers(ctx: Context, lease: Lease, end: EndOfJob & { members: Member[] }): void {
  for (const member of end.members) {
    if (ENDED.has(member.state)) continue;
    endJob(ctx, { laneId: lease.laneId, seq: member.seq, messageId: member.message_id }, end);
  }
}

/** The last look at the owner and at withdrawals is in the transaction that stores the reply. */
export function plan(ctx: Context, lease: Lease, request: PlanRequest): StoredTurn | null | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const all = members(ctx, lease, request.seqs);
  const stored = all.find((member) => member.turn_id !== null)?.turn_id;
  if (stored) return readTurn(ctx, stored);
  if (all.some((member) => taken(ctx, lease.laneId, member.owner_epoch))) {
    endMembers(ctx, lease, { members: all, ...HANDED_OFF });
    return null;
  }
  endMembers(ctx, lease, { members: all.filter((member) => member.withdrawn), state: 'cancelled', ending: 'suppressed', reason: 'withdrawn' });
  const left = all.filter((member) => !member.withdrawn);
  if (left.length === 0) return null;
  if (request.reply.parts.length === 0) {
    endMembers(ctx, lease, { members: left, state: 'completed', ending: 'suppressed', reason: 'empty_reply' });
    return null;
  }
  return insertTurn(ctx, lease, { request, left });
}

const HANDED_OFF: EndOfJob = { state: 'completed', ending: 'handed_off', reason: 'human_owns' };

const deadOf = (turn: TurnRow): EndOfJob => ({ state: 'dead', ending: 'dead', reason: turn.dead_reason ?? 'attempts_exhausted' });

function insertTurn(ctx: Context, lease: Lease, what: { request: PlanRequest; left: Member[] }): StoredTurn | null {
  const { turnId, reply } = what.request;
  const seqs = what.left.map((member) => member.seq);
  ctx.q.run(
    'insertTurn', turnId, lease.laneId, reply.kind, what.left[0]?.owner_epoch ?? 0, JSON.stringify(seqs), reply.responder, reply.model ?? null,
    reply.usage?.inputTokens ?? null, reply.usage?.outputTokens ?? null, reply.deadReason ?? null, reply.error ?? null, ctx.now(),
  );
  reply.parts.forEach((text, part) => ctx.q.run('insertSend', turnId, part, sendKey(turnId, part), cleanText(text)));
  for (const seq of seqs) ctx.q.run('freezeMember', lease.laneId, seq, turnId);
  return readTurn(ctx, turnId);
}

/** What the parts came to decides what the turn's messages came to. */
function endOf(turn: TurnRow, sends: SendRow[]): EndOfJob {
  if (turn.kind === 'apology') return deadOf(turn);
  const failed = sends.find((send) => send.state === 'failed');
  if (failed) return { state: 'dead', ending: 'dead', reason: failed.reason ?? 'send_failed' };
  if (sends.some((send) => send.state === 'unknown')) return { state: 'dead', ending: 'dead', reason: 'ambiguous_send' };
  return { state: 'completed', ending: 'answered', reason: 'reply' };
}

export function settle(ctx: Context, lease: Lease, turnId: string): Settled | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const turn = turnRow(ctx, turnId);
  if (!turn) return LOST;
  const end = endOf(turn, ctx.q.all<SendRow>('sendsOf', turnId));
  finish(ctx, lease, { turn, end });
  return { ending: end.ending as Settled['ending'], reason: end.reason };
}

export function close(ctx: Context, lease: Lease, turnId: string): Settled | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const turn = turnRow(ctx, turnId);
  if (!turn) return LOST;
  ctx.q.run('loseSending', turnId, ctx.now());
  const end = turn.kind === 'apology' ? deadOf(turn) : HANDED_OFF;
  finish(ctx, lease, { turn, end });
  return { ending: end.ending as Settled['ending'], reason: end.reason };
}

function finish(ctx: Context, lease: Lease, what: { turn: TurnRow; end: EndOfJob }): void {
  const { turn, end } = what;
  ctx.q.run('cancelPlanned', turn.id, ctx.now());
  ctx.q.run('settleTurn', turn.id, ctx.now());
  endMembers(ctx, lease, { members: members(ctx, lease, JSON.parse(turn.members) as number[]), ...end });
}
