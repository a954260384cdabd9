import { instantPrefix } from '../../domain/ids.ts';
import { LOOK_BACK, SHORT_ANSWER } from '../../domain/short-answer.ts';
import type { Verdict } from '../../domain/verdict.ts';
import type { Arrival, Notice } from '../../ports/mailbox.ts';
import type { Context } from './context.ts';

export interface ConversationHead {
  id: string;
  owner: string;
  owner_epoch: number;
  locale: string | null;
  doubt: number;
}

interface SaidRow {
  direction: string;
  author: string;
  text: string;
}

interface LastMessage extends SaidRow {
  attachments: string | null;
  accepted_at: number;
  withdrawn: number;
  ending: string | null;
  ending_reason: string | null;
}

/** What the accept transaction decides of a message that is new. */
export function verdictOf(ctx: Context, arrival: Arrival, conversation: ConversationHead): Verdict {
  const { refused } = arrival;
  if (refused === 'unsupported' || refused === 'human_owns') return refused;
  if (conversation.owner === 'human') return 'human_owns';
  if (repeatsText(ctx, arrival, conversation.id)) return 'duplicate_text';
  if (refused) return refused;
  if (isFull(ctx, arrival, conversation.id)) return 'flooded';
  return arrival.deferMs > 0 ? 'deferred' : 'accepted';
}

/**
 * True when the last that was said in the conversation is the same of the same author, within the window. Asked of the messages
 * themselves: a copy kept with the conversation would be one more page to write for every message.
 */
function repeatsText(ctx: Context, arrival: Arrival, conversationId: string): boolean {
  const { message, duplicateWindowMs } = arrival;
  if (duplicateWindowMs <= 0 || message.text === '') return false;
  const now = ctx.now();
  const last = ctx.q.one<LastMessage>('lastMessage', conversationId, `msg_${instantPrefix(now - duplicateWindowMs)}`);
  if (!last || last.direction !== 'inbound' || last.withdrawn === 1 || wasLeft(last)) return false;
  const isRecent = Math.abs(now - last.accepted_at) < duplicateWindowMs;
  const isSame = last.author === message.author && last.text === message.text && last.attachments === attachmentsOf(arrival);
  return isRecent && isSame && !answersAnother(ctx, arrival, conversationId);
}

/** True when nothing answered or will answer that message: saying it again is no repetition. */
const wasLeft = (last: LastMessage): boolean => last.ending === 'dead' || (last.ending === 'suppressed' && last.ending_reason !== 'duplicate_text');

export const attachmentsOf = ({ message }: Arrival): string | null => (message.attachments.length > 0 ? JSON.stringify(message.attachments) : null);

/** True for a short text that came less often so far than we said something before: it may answer the next of our messages. */
function answersAnother(ctx: Context, { message }: Arrival, conversationId: string): boolean {
  if (message.text.length > SHORT_ANSWER) return false;
  const said = ctx.q.all<SaidRow>('lastSaid', conversationId, LOOK_BACK);
  const given = said.findIndex((one) => one.direction !== 'inbound' || one.author !== message.author || one.text !== message.text);
  if (given < 0) return false;
  const before = said.slice(given);
  const asked = before.findIndex((one) => one.direction === 'inbound');
  return (asked < 0 ? before.length : asked) > given;
}

function isFull(ctx: Context, { maxOpen = 0 }: Arrival, conversationId: string): boolean {
  if (maxOpen <= 0) return false;
  const lane = ctx.q.one<{ last_seq: number; done_seq: number }>('laneTail', conversationId);
  return lane !== undefined && lane.last_seq - lane.done_seq >= maxOpen;
}

/** True once per period and topic: whoever asks first says it. The period may have begun on a clock that is ahead of this one. */
export function isDueToBeSaid(ctx: Context, { topic, since }: Notice, conversationId: string): boolean {
  return ctx.q.one('takeNotice', conversationId, topic, since, ctx.now()) !== undefined;
}
