import type { LaneId } from '../../domain/ids.ts';
import type { Lease } from '../../domain/lane.ts';
import type { Ledger, PartEnd, Start } from '../../ports/ledger.ts';
import { LOST } from '../commands.ts';
import { clip, fence, taken, type Context } from './context.ts';
import { turnRow } from './turns.ts';

interface SendRow {
  state: string;
  tries: number;
  ambiguous: number;
  first_at: number | null;
  key: string;
  text: string;
}

type StartAt = Parameters<Ledger['startPart']>[1];
type ResendAt = Parameters<Ledger['resend']>[1];
type SentAt = Parameters<Ledger['recordSent']>[0];
type EndAt = Parameters<Ledger['endPart']>[1];

const sendAt = (ctx: Context, at: { turnId: string; part: number }): SendRow | undefined => ctx.q.one<SendRow>('sendAt', at.turnId, at.part);

function mayNotSpeak(ctx: Context, lease: Lease, turnId: string): boolean {
  const turn = turnRow(ctx, turnId);
  return turn !== undefined && taken(ctx, lease.laneId, turn.owner_epoch);
}

export function startPart(ctx: Context, lease: Lease, at: StartAt): Start | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const send = sendAt(ctx, at);
  if (!send || send.state !== 'planned') return 'ended';
  if (mayNotSpeak(ctx, lease, at.turnId)) return 'taken';
  const now = ctx.now();
  if (send.tries >= at.maxTries && now - (send.first_at ?? now) >= (at.patienceMs ?? 0)) {
    const [state, reason] = send.ambiguous === 1 ? ['unknown', 'ambiguous_send'] : ['failed', 'send_failed'];
    ctx.q.run('endSend', at.turnId, at.part, state ?? 'failed', now, null, reason ?? null, null);
    return 'given_up';
  }
  ctx.q.run('startSend', at.turnId, at.part, now);
  return 'go';
}

export function resend(ctx: Context, lease: Lease, at: ResendAt): Start | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const send = sendAt(ctx, at);
  if (!send || send.state !== 'sending') return 'ended';
  if (mayNotSpeak(ctx, lease, at.turnId)) return 'taken';
  const now = ctx.now();
  const age = now - (send.first_at ?? now);
  if (at.withinMs !== undefined && !(age >= 0 && age < at.withinMs)) return 'too_old';
  if (send.tries >= at.maxTries) {
    ctx.q.run('endSend', at.turnId, at.part, 'unknown', now, null, 'ambiguous_send', null);
    return 'given_up';
  }
  ctx.q.run('repeatSend', at.turnId, at.part, now);
  return 'go';
}

/** A fact, so no lease is asked for. A part that was given up or cancelled before it was ever sent stays as it is. */
export function recordSent(ctx: Context, at: SentAt): void {
  const send = sendAt(ctx, at);
  if (!send || (send.state !== 'sending' && send.state !== 'unknown' && send.state !== 'planned')) return;
  const turn = turnRow(ctx, at.turnId);
  if (!turn || (turn.settled_at !== null && send.state === 'planned')) return;
  const now = ctx.now();
  ctx.q.run('endSend', at.turnId, at.part, 'sent', now, at.providerId, null, null);
  remember(ctx, { laneId: turn.lane_id as LaneId, send, providerId: at.providerId });
}

/** What was said belongs to the conversation's history, under the platform's id: our echo is then a known message. */
function remember(ctx: Context, sent: { laneId: LaneId; send: SendRow; providerId: string | null }): void {
  const conversation = ctx.q.one<{ org_id: string; channel_id: string }>('conversationById', sent.laneId);
  if (!conversation) return;
  const now = ctx.now();
  ctx.q.run(
    'insertMessage', ctx.newId('msg'), conversation.org_id, conversation.channel_id, sent.laneId, 'outbound', sent.providerId ?? sent.send.key, 'bot',
    sent.send.text, null, now, now, now, now, 'accepted', null, null, null, null, 0,
  );
}

export function endPart(ctx: Context, lease: Lease, at: EndAt): void | typeof LOST {
  if (fence(ctx, lease) === LOST) return LOST;
  const send = sendAt(ctx, at);
  if (!send || (send.state !== 'sending' && send.state !== 'planned')) return;
  const end = sticky(at.end, send.ambiguous === 1);
  const now = ctx.now();
  switch (end.state) {
    case 'ambiguous':
      ctx.q.run('markAmbiguous', at.turnId, at.part, end.error);
      break;
    case 'planned':
      ctx.q.run('endSend', at.turnId, at.part, send.ambiguous === 1 ? 'sending' : 'planned', null, null, null, end.error);
      delayMembers(ctx, lease, { turnId: at.turnId, retryInMs: end.retryInMs });
      break;
    case 'failed':
      ctx.q.run('endSend', at.turnId, at.part, 'failed', now, null, end.reason, end.error);
      break;
    case 'unknown':
      ctx.q.run('endSend', at.turnId, at.part, 'unknown', now, null, 'ambiguous_send', end.error);
      break;
  }
}

/** Once some try may have been shown, a later refusal does not prove that it was not. */
function sticky(end: PartEnd, ambiguous: boolean): PartEnd {
  return ambiguous && end.state === 'failed' ? { state: 'unknown', error: end.error } : end;
}

function delayMembers(ctx: Context, lease: Lease, delay: { turnId: string; retryInMs: number }): void {
  const turn = turnRow(ctx, delay.turnId);
  if (!turn) return;
  const at = taken(ctx, lease.laneId, turn.owner_epoch) ? 0 : clip(ctx.now() + delay.retryInMs, ctx.now());
  for (const seq of JSON.parse(turn.members) as number[]) ctx.q.run('delayMember', lease.laneId, seq, at);
}
