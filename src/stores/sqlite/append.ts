import { instantPrefix, jobId, type LaneId } from '../../domain/ids.ts';
import type { NewJob } from '../../domain/job.ts';
import { cleanText } from '../../domain/message.ts';
import type { Verdict } from '../../domain/verdict.ts';
import type { Amendment, Appended, Arrival } from '../../ports/mailbox.ts';
import { clip, type Context } from './context.ts';

interface ConversationHead {
  id: string;
  owner: string;
  owner_epoch: number;
  locale: string | null;
  doubt: number;
}

interface LastMessage {
  direction: string;
  author: string;
  text: string;
  accepted_at: number;
  withdrawn: number;
  ending: string | null;
  ending_reason: string | null;
}

interface KnownMessage {
  id: string;
  conversation_id: string;
  seq: number | null;
  ending: string | null;
  withdrawn: number;
  verdict: string;
}

function verdictOf(ctx: Context, arrival: Arrival, conversation: ConversationHead): Verdict {
  if (arrival.refused) return arrival.refused;
  if (conversation.owner === 'human') return 'human_owns';
  if (repeatsText(ctx, arrival, conversation.id)) return 'duplicate_text';
  return arrival.deferMs > 0 ? 'deferred' : 'accepted';
}

/**
 * True when the last that was said in the conversation is the same text of the same author, within the window. Asked of the messages
 * themselves: a copy kept with the conversation would be one more page to write for every message.
 */
function repeatsText(ctx: Context, { message, duplicateWindowMs }: Arrival, conversationId: string): boolean {
  if (duplicateWindowMs <= 0 || message.text === '') return false;
  const now = ctx.now();
  const last = ctx.q.one<LastMessage>('lastMessage', conversationId, `msg_${instantPrefix(now - duplicateWindowMs)}`);
  if (!last || last.direction !== 'inbound' || last.withdrawn === 1 || wasLeft(last)) return false;
  return last.author === message.author && last.text === message.text && Math.abs(now - last.accepted_at) < duplicateWindowMs;
}

/** True when nothing answered or will answer that message: saying it again is no repetition. */
const wasLeft = (last: LastMessage): boolean => last.ending === 'dead' || (last.ending === 'suppressed' && last.ending_reason !== 'duplicate_text');

/** Takes the next place in a lane; an idle lane becomes ready at `readyAt`. */
export function nextSeq(ctx: Context, lane: { id: string; orgId: string; priority?: number }, readyAt: number): number {
  const now = ctx.now();
  const tail = ctx.q.one<{ last_seq: number; done_seq: number }>('laneTail', lane.id);
  const priority = lane.priority ?? 0;
  const at = clip(readyAt, now);
  if (!tail) ctx.q.run('insertLane', lane.id, lane.orgId, priority, now, at);
  else if (tail.last_seq === tail.done_seq) ctx.q.run('appendToIdle', lane.id, at, now, priority);
  else ctx.q.run('appendToBusy', lane.id);
  return (tail?.last_seq ?? 0) + 1;
}

/** An idle lane's claim waits for the due time, or else for the rest of the burst. An existing lease is left alone. */
function readyAt(arrival: Arrival, now: number): number {
  const wait = arrival.deferMs > 0 ? arrival.deferMs : arrival.debounceMs;
  return wait > 0 ? now + wait : 0;
}

function insertTurnJob(ctx: Context, arrival: Arrival, conversation: ConversationHead): number {
  const now = ctx.now();
  const seq = nextSeq(ctx, { id: conversation.id, orgId: arrival.orgId }, readyAt(arrival, now));
  const state = arrival.deferMs > 0 ? 'scheduled' : 'available';
  const notBefore = arrival.deferMs > 0 ? now + arrival.deferMs : 0;
  ctx.q.run('insertJob', conversation.id, seq, 'turn', state, notBefore, conversation.owner_epoch, arrival.messageId, null, null, null, now);
  return seq;
}

function insertMessage(ctx: Context, arrival: Arrival, row: { conversationId: string; verdict: Verdict; seq: number | null }): void {
  const now = ctx.now();
  const { message } = arrival;
  const ended = row.seq === null;
  ctx.q.run(
    'insertMessage', arrival.messageId, arrival.orgId, arrival.channelId, row.conversationId, 'inbound', message.externalId, message.author,
    message.text, message.attachments.length > 0 ? JSON.stringify(message.attachments) : null, message.sentAt, arrival.receivedAt,
    arrival.verifiedAt, now, row.verdict, row.seq, ended ? 'suppressed' : null, ended ? row.verdict : null, ended ? now : null, 0,
  );
}

function conversationFor(ctx: Context, arrival: Arrival): ConversationHead {
  const found = ctx.q.one<ConversationHead>('findConversation', arrival.channelId, arrival.message.conversation);
  if (found) return found;
  const { id, message } = { id: arrival.conversationId, message: arrival.message };
  ctx.q.run('insertConversation', id, arrival.orgId, arrival.channelId, message.conversation, message.locale, arrival.doubt ? 1 : 0, ctx.now());
  return { id, owner: 'bot', owner_epoch: 0, locale: message.locale, doubt: arrival.doubt ? 1 : 0 };
}

/** Written only when there is something new to remember. */
function touchConversation(ctx: Context, conversation: ConversationHead, { message, doubt }: Arrival): void {
  const isNews = (doubt && conversation.doubt === 0) || (message.locale !== null && message.locale !== conversation.locale);
  if (isNews) ctx.q.run('touchConversation', conversation.id, doubt ? 1 : 0, message.locale);
}

function known(ctx: Context, arrival: Arrival, message: KnownMessage): Appended {
  const tombstone = message.verdict === 'withdrawn' && message.ending === null;
  if (tombstone) ctx.q.run('fillTombstone', message.id, arrival.message.author, arrival.message.sentAt, ctx.now());
  return {
    verdict: tombstone ? 'withdrawn' : 'duplicate',
    conversationId: message.conversation_id,
    messageId: message.id,
    laneId: message.conversation_id,
    wake: false,
  } as Appended;
}

/** Text that SQLite and every platform can carry. */
function cleaned(arrival: Arrival): Arrival {
  const { message } = arrival;
  return { ...arrival, message: { ...message, text: cleanText(message.text), author: cleanText(message.author) } };
}

export function append(ctx: Context, raw: Arrival): Appended {
  const arrival = cleaned(raw);
  const before = ctx.q.one<KnownMessage>('messageByExternal', arrival.channelId, arrival.message.externalId);
  if (before) return known(ctx, arrival, before);
  const conversation = conversationFor(ctx, arrival);
  const verdict = verdictOf(ctx, arrival, conversation);
  const works = verdict === 'accepted' || verdict === 'deferred';
  const seq = works ? insertTurnJob(ctx, arrival, conversation) : null;
  insertMessage(ctx, arrival, { conversationId: conversation.id, verdict, seq });
  touchConversation(ctx, conversation, arrival);
  const id = conversation.id as Appended['conversationId'];
  return { verdict, conversationId: id, messageId: arrival.messageId, laneId: id as string as LaneId, wake: works };
}

export function amend(ctx: Context, amendment: Amendment): { known: boolean } {
  const message = ctx.q.one<KnownMessage>('messageByExternal', amendment.channelId, amendment.externalId);
  const { change } = amendment;
  if (change.kind === 'edit') {
    if (message) ctx.q.run('editMessage', message.id, cleanText(change.text));
    return { known: message !== undefined };
  }
  if (message) ctx.q.run('withdrawMessage', message.id);
  else insertTombstone(ctx, amendment);
  return { known: message !== undefined };
}

/** A deletion that overtook its message keeps the message's place, so that it is not answered when it comes. */
function insertTombstone(ctx: Context, amendment: Amendment): void {
  const now = ctx.now();
  const found = ctx.q.one<ConversationHead>('findConversation', amendment.channelId, amendment.conversation);
  const conversationId = found?.id ?? amendment.conversationId;
  if (!found) ctx.q.run('insertConversation', conversationId, amendment.orgId, amendment.channelId, amendment.conversation, null, 0, now);
  ctx.q.run(
    'insertMessage', amendment.messageId, amendment.orgId, amendment.channelId, conversationId, 'inbound', amendment.externalId, '', '', null,
    now, now, now, now, 'withdrawn', null, null, null, null, 1,
  );
}

type JobToAdd = NewJob & { orgId: string; laneId: LaneId };

/** A delayed job for a conversation waits in the lane given, as the `promote` job that will append it. */
export function addJob(ctx: Context, job: JobToAdd): { jobId: ReturnType<typeof jobId>; laneId: LaneId } {
  const now = ctx.now();
  const delay = job.inMs ?? 0;
  const waits = delay > 0;
  const toConversation = job.conversationId !== undefined;
  const laneId = toConversation && !waits ? (job.conversationId as string as LaneId) : job.laneId;
  const promote = toConversation && waits;
  const kind = promote ? 'promote' : job.kind;
  const payload = promote ? { kind: job.kind, payload: job.payload, conversationId: job.conversationId } : job.payload;
  const seq = nextSeq(ctx, { id: laneId, orgId: job.orgId, priority: job.priority ?? 0 }, waits ? now + delay : 0);
  const epoch = ctx.q.one<{ owner_epoch: number }>('ownerOf', laneId)?.owner_epoch ?? 0;
  ctx.q.run('insertJob', laneId, seq, kind, waits ? 'scheduled' : 'available', waits ? now + delay : 0, epoch, null, JSON.stringify(payload ?? null), null, null, now);
  return { jobId: jobId(laneId, seq), laneId };
}
