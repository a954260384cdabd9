import { sendAddress } from '../../domain/turn.ts';
import type { OutgoingPart } from '../../ports/channel.ts';
import type { RestMessage } from './payload.ts';
import { ChatwootUnclear, isForbidden, readConversation, readMessages } from './read.ts';
import type { Rest } from './rest.ts';
import { CLOCKS_APART_MS, madeAt } from './turn-time.ts';
import { writerOf } from './writer.ts';

/** 20 messages each. */
const MAX_PAGES = 10;

/**
 * Looks for a part among the conversation's messages, newest first. Returns Chatwoot's id of it, or null when it is certainly not shown.
 *
 * A part may be looked for long after, when an operator tries it again, so newer replies of ours prove nothing. What ends the search is
 * the conversation's beginning, or messages from before the part's turn was made. Throws ChatwootUnclear when neither comes within 200
 * messages (`channel_not_found`: looking again is useless), and whenever Chatwoot's answer is not clear.
 */
export async function findPart(rest: Rest, part: OutgoingPart, signal: AbortSignal): Promise<string | null> {
  const conversation = part.conversation.externalId;
  let before: number | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const messages = await pageOf(rest, { conversation, before }, signal);
    if (messages instanceof ChatwootUnclear) return glimpse(rest, part, { refusal: messages, signal });
    const found = messages.find((message) => isPart(message, part.key));
    if (found) return String(found.id);
    const oldest = messages[0];
    if (!oldest || isBeforeTurn(oldest, part.key)) return null;
    before = oldest.id;
  }
  throw new ChatwootUnclear('channel_not_found', `read_messages: the part is not within ${MAX_PAGES} pages, and older ones may hold it`);
}

function isPart(message: RestMessage, key: string): boolean {
  const writer = writerOf(message);
  return writer.kind === 'ours' && writer.key === key;
}

function isBeforeTurn(message: RestMessage, key: string): boolean {
  const at = madeAt(key);
  return at !== null && message.created_at < at - CLOCKS_APART_MS;
}

interface Place {
  conversation: string;
  before: number | undefined;
}

/** Up to 20 messages, oldest first. Returns, instead of throwing, the refusal of the first page: the token may not list messages at all. */
async function pageOf(rest: Rest, { conversation, before }: Place, signal: AbortSignal): Promise<RestMessage[] | ChatwootUnclear> {
  try {
    return await readMessages(rest, { conversation, ...(before === undefined ? {} : { before }) }, signal);
  } catch (error) {
    if (isForbidden(error) && before === undefined) return error;
    throw error;
  }
}

/**
 * Where messages may not be listed, the conversation shows its newest one. It decides when it is the part, when it is an earlier part of
 * ours (parts are sent one after the other), and when it is from before the part's turn.
 */
async function glimpse(rest: Rest, part: OutgoingPart, { refusal, signal }: { refusal: ChatwootUnclear; signal: AbortSignal }): Promise<string | null> {
  const shown = await readConversation(rest, part.conversation.externalId, signal);
  const newest = shown.last_non_activity_message ?? shown.messages?.[0];
  if (newest && isPart(newest, part.key)) return String(newest.id);
  if (newest && (isBeforeTurn(newest, part.key) || isEarlierPart(newest, part.key))) return null;
  throw refusal;
}

/** Ids of turns sort by the time they were made. */
function isEarlierPart(message: RestMessage, key: string): boolean {
  const writer = writerOf(message);
  const shown = writer.kind === 'ours' ? sendAddress(writer.key) : null;
  const wanted = sendAddress(key);
  if (!shown || !wanted) return false;
  return shown.turnId === wanted.turnId ? shown.part < wanted.part : shown.turnId < wanted.turnId;
}
