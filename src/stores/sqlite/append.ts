import { jobId, type LaneId } from '../../domain/ids.ts';
import type { NewJob } from '../../domain/job.ts';
import { cleanText } from '../../domain/message.ts';
import { MAY_NOTIFY, type Verdict } from '../../domain/verdict.ts';
import type { Amendment, Appended, Arrival, Mailbox } from '../../ports/mailbox.ts';
import { clip, type Context } from './context.ts';
import { attachmentsOf, isDueToBeSaid, verdictOf, type ConversationHead } from './govern.ts';

interface KnownMessage {
  id: string;
  conversation_id: string;
  seq: number | null;
  ending: string | null;
  withdrawn: number;
  verdict: string;
}

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

function insertMessageJob(ctx: Context, arrival: Arrival, conversation: ConversationHead): number {
  const now = ctx.now();
  const seq = nextSeq(ctx, { id: conversation.id, orgId: arrival.orgId }, readyAt(arrival, now));
  const state = arrival.deferMs > 0 ? 'scheduled' : 'available';
  const notBefore = arrival.deferMs > 0 ? now + arrival.deferMs : 0;
  ctx.q.run('insertJob', conversation.id, seq, arrival.work ?? 'turn', state, notBefore, conversation.owner_epoch, arrival.messageId, null, null, null, now);
  return seq;
}

/** Before the message's own job: what is said about it does not wait with it. */
function insertNotice(ctx: Context, { orgId, notice }: Arrival, conversation: ConversationHead): boolean {
  if (!notice || !isDueToBeSaid(ctx, notice, conversation.id)) return false;
  const seq = nextSeq(ctx, { id: conversation.id, orgId }, 0);
  const payload = JSON.stringify({ text: cleanText(notice.text) });
  ctx.q.run('insertJob', conversation.id, seq, 'notice', 'available', 0, conversation.owner_epoch, null, payload, null, null, ctx.now());
  return true;
}

function insertMessage(ctx: Context, arrival: Arrival, row: { conversationId: string; verdict: Verdict; seq: number | null }): void {
  const now = ctx.now();
  const { message } = arrival;
  const ended = row.seq === null;
  ctx.q.run(
    'insertMessage', arrival.messageId, arrival.orgId, arrival.channelId, row.conversationId, 'inbound', message.externalId, message.author,
    message.text, attachmentsOf(arrival), message.sentAt, arrival.receivedAt,
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
  const isSaid = MAY_NOTIFY.has(verdict) && insertNotice(ctx, arrival, conversation);
  const seq = works ? insertMessageJob(ctx, arrival, conversation) : null;
  insertMessage(ctx, arrival, { conversationId: conversation.id, verdict, seq });
  touchConversation(ctx, conversation, arrival);
  const id = conversation.id as Appended['conversationId'];
  return { verdict, conversationId: id, messageId: arrival.messageId, laneId: id as string as LaneId, wake: works || isSaid };
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
type AddedJob = Awaited<ReturnType<Mailbox['addJob']>>;

/** The job that the key has already. */
function jobOfKey(ctx: Context, { key, reuseKey = false }: JobToAdd): AddedJob | null {
  const laneId = key === undefined ? undefined : ctx.q.one<{ lane_id: LaneId }>('laneOfKey', key)?.lane_id;
  if (!laneId) return null;
  const job = ctx.q.one<{ seq: number; state: string }>('lastJob', laneId);
  if (reuseKey && (!job || job.state === 'completed' || job.state === 'cancelled')) return null;
  return { jobId: jobId(laneId, job?.seq ?? 1), laneId, isNew: false };
}

/** A delayed job for a conversation waits in the lane given, as the `promote` job that will append it. */
export function addJob(ctx: Context, job: JobToAdd): AddedJob {
  const known = jobOfKey(ctx, job);
  if (known) return known;
  if (job.key !== undefined) ctx.q.run('setKey', job.key, job.laneId, ctx.now());
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
  return { jobId: jobId(laneId, seq), laneId, isNew: true };
}
