import type { Clock } from '../../domain/clock.ts';
import type { Owner } from '../../domain/conversation.ts';
import type { InboundMessage } from '../../domain/message.ts';
import type { CaughtUp } from '../../ports/channel.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { activityAfter, botSpoke, settles, standingHumanReply, unsettled, written } from './evidence.ts';
import type { Written } from './evidence.ts';
import { isDeleted, isUnsupported, toInbound } from './inbound.ts';
import type { ChatwootSettings } from './options.ts';
import { hadHumanReply, hasHumanAssignee } from './payload.ts';
import type { RestMessage } from './payload.ts';
import { ChatwootUnclear, isForbidden, listConversations, readConversation, readMessages, setPending } from './read.ts';
import type { ShownConversation } from './read.ts';
import type { Rest } from './rest.ts';

/** 20 messages each. */
const MAX_MESSAGE_PAGES = 10;
/** 25 conversations each; only where conversations may be listed but not read one by one. */
const MAX_LIST_PAGES = 8;

export interface ExamineDeps {
  rest: Rest;
  settings: Pick<ChatwootSettings, 'onOpen'>;
  clock: Clock;
  telemetry: Telemetry;
}

/**
 * Asks Chatwoot whose the conversation is and what may have been missed there. A conversation that fell open without a person is set
 * back to `pending` (with `onOpen: take_back`), just before this returns. Throws ChatwootUnclear.
 */
export async function examineConversation(deps: ExamineDeps, externalId: string, signal: AbortSignal): Promise<CaughtUp> {
  const conversation = await lookUp(deps.rest, externalId, signal);
  const past = await readPast(deps, conversation, signal);
  const finding = judge(conversation, past, deps.settings.onOpen);
  if (finding.takeBack) await setPending(deps.rest, externalId, signal);
  return {
    externalId,
    owner: finding.owner,
    ownerAt: finding.at ?? lastChange(conversation, past),
    messages: missed(conversation, past, deps.clock.now()),
  };
}

/** What a person or a rule resolved is dealt with. What a bot has nothing to say to is not worth catching up. */
function missed(conversation: ShownConversation, past: Written[], now: number): InboundMessage[] {
  if (conversation.status === 'resolved') return [];
  return unsettled(past, now).flatMap((message) => {
    const inbound = toInbound(message, conversation);
    return isDeleted(message) || isUnsupported(message, inbound) ? [] : [inbound];
  });
}

/** Before 2026-06 a bot's token may not read a conversation; some installations let it list them. */
async function lookUp(rest: Rest, externalId: string, signal: AbortSignal): Promise<ShownConversation> {
  try {
    return await readConversation(rest, externalId, signal);
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
  for (let page = 1; page <= MAX_LIST_PAGES; page++) {
    const listed = await listConversations(rest, { status: 'all', page }, signal);
    const found = listed.find((conversation) => String(conversation.id) === externalId);
    if (found) return found;
    if (listed.length === 0) break;
  }
  throw new ChatwootUnclear('channel_not_found', 'list_conversations: the conversation is not among the latest');
}

/** Back to where nothing older can be missing. Where messages may not be listed, the newest one that the conversation shows. */
async function readPast(deps: ExamineDeps, conversation: ShownConversation, signal: AbortSignal): Promise<Written[]> {
  const past: RestMessage[] = [];
  for (let page = 0; page < MAX_MESSAGE_PAGES; page++) {
    const oldest = past[0];
    const older = await pageOf(deps.rest, { conversation, ...(oldest ? { before: oldest.id } : {}) }, signal);
    past.unshift(...older);
    if (older.length === 0 || written(older).some((one) => settles(one, deps.clock.now()))) return written(past);
  }
  deps.telemetry.log.warn({ conversation: conversation.id, messages: past.length }, 'Catch-up read only the newest messages of a conversation');
  return written(past);
}

async function pageOf(rest: Rest, at: { conversation: ShownConversation; before?: number }, signal: AbortSignal): Promise<RestMessage[]> {
  const { conversation, before } = at;
  try {
    return await readMessages(rest, { conversation: String(conversation.id), ...(before === undefined ? {} : { before }) }, signal);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    const shown = [...(conversation.messages ?? []), conversation.last_non_activity_message ?? []].flat();
    const unique = new Map(shown.map((message) => [message.id, message]));
    return [...unique.values()].filter(({ id }) => before === undefined || id < before).sort((a, b) => a.id - b.id);
  }
}

interface Finding {
  owner: Owner;
  /** Absent: the conversation's last change. */
  at?: number;
  takeBack?: boolean;
}

/** People's evidence first; what is left belongs to the bot. Throws ChatwootUnclear for an unknown status. */
export function judge(conversation: ShownConversation, past: Written[], onOpen: ChatwootSettings['onOpen']): Finding {
  const reply = standingHumanReply(past);
  switch (conversation.status) {
    case 'snoozed':
      return { owner: 'human' };
    case 'pending':
      // A person's answer leaves a bot's conversation pending. An assignee may be left from before it was resolved and reopened.
      return reply && !activityAfter(past, reply.id) ? byReply(reply) : { owner: 'bot' };
    case 'resolved':
      // The contact's next message reopens it for the bot; what a person answered before resolving stays answered.
      return reply && !past.some(({ message, writer }) => writer.kind === 'contact' && message.id > reply.id) ? byReply(reply) : { owner: 'bot' };
    case 'open':
      return judgeOpen(conversation, { past, reply }, onOpen);
    default:
      throw new ChatwootUnclear('channel_unclear', 'read_conversation: Chatwoot told a status that is not known');
  }
}

function judgeOpen(
  conversation: ShownConversation,
  { past, reply }: { past: Written[]; reply: RestMessage | null },
  onOpen: ChatwootSettings['onOpen'],
): Finding {
  if (hasHumanAssignee(conversation)) return { owner: 'human' };
  if (reply) return byReply(reply);
  // A person answered earlier than we can see, and no bot since.
  if (hadHumanReply(conversation) && !botSpoke(past)) return { owner: 'human' };
  return onOpen === 'take_back' ? { owner: 'bot', takeBack: true } : { owner: 'human' };
}

/** REST tells whole seconds; the last ms of it, so that a person wins over what happened in the same second. */
const byReply = (reply: RestMessage): Finding => ({ owner: 'human', at: reply.created_at + 999 });

const lastChange = (conversation: ShownConversation, past: Written[]): number =>
  conversation.updated_at ?? conversation.last_activity_at ?? past.at(-1)?.message.created_at ?? 0;
