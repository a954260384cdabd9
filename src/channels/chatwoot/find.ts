import type { OutgoingPart } from '../../ports/channel.ts';
import type { RestMessage } from './payload.ts';
import { ChatwootUnclear, isForbidden, readConversation, readMessages } from './read.ts';
import type { Rest } from './rest.ts';
import { writerOf } from './writer.ts';

/** 20 messages each. */
const MAX_PAGES = 10;

/**
 * Looks for a part among the conversation's messages, newest first. Returns Chatwoot's id of it, or null when it is certainly not shown.
 *
 * A conversation's parts are sent one after the other, so a part that is shown is newer than every other part of ours: the page that holds
 * another one of ours, and the conversation's beginning, end the search. Throws ChatwootUnclear when neither comes within 200 messages,
 * and whenever Chatwoot's answer is not clear.
 */
export async function findPart(rest: Rest, part: OutgoingPart, signal: AbortSignal): Promise<string | null> {
  const conversation = part.conversation.externalId;
  let before: number | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const messages = await pageOrGlimpse(rest, { conversation, before, key: part.key }, signal);
    const oldest = messages[0];
    if (!oldest) return null;
    const ours = messages.filter((message) => writerOf(message).kind === 'ours');
    const found = ours.find((message) => isPart(message, part.key));
    if (found) return String(found.id);
    if (ours.length > 0) return null;
    before = oldest.id;
  }
  throw new ChatwootUnclear('channel_not_found', `read_messages: none of our replies within ${MAX_PAGES} pages`);
}

function isPart(message: RestMessage, key: string): boolean {
  const writer = writerOf(message);
  return writer.kind === 'ours' && writer.key === key;
}

interface Place {
  conversation: string;
  before: number | undefined;
  key: string;
}

/** Where messages may not be listed, the conversation shows its newest one. It decides only if that one is ours. */
async function pageOrGlimpse(rest: Rest, place: Place, signal: AbortSignal): Promise<RestMessage[]> {
  try {
    return await readMessages(rest, { conversation: place.conversation, ...(place.before === undefined ? {} : { before: place.before }) }, signal);
  } catch (error) {
    if (!isForbidden(error) || place.before !== undefined) throw error;
    const shown = await readConversation(rest, place.conversation, signal);
    const newest = shown.last_non_activity_message ?? shown.messages?.[0];
    if (newest && writerOf(newest).kind === 'ours') return [newest];
    throw error;
  }
}
