import type { AppError } from '../../domain/errors.ts';
import type { RestMessage } from './payload.ts';
import { ChatwootUnclear, conversationPath, setStatus } from './read.ts';
import type { Rest } from './rest.ts';

/** Name of our mark in `content_attributes` of the private note: an `open` conversation that carries it did not fall open. */
const HANDED_OVER = 'chasqui_handed_over';

export const isHandedOver = (message: Pick<RestMessage, 'private' | 'content_attributes'>): boolean =>
  message.private === true && message.content_attributes?.[HANDED_OVER] === true;

/**
 * Opens the conversation to people, with a private note that says why. The note comes first: without it, catch-up would take the
 * conversation back for the bot. Throws ChatwootUnclear.
 */
export async function handOver(rest: Rest, of: { externalId: string; note: string }, signal: AbortSignal): Promise<void> {
  const { externalId, note } = of;
  const body = { content: note, message_type: 'outgoing', private: true, content_attributes: { [HANDED_OVER]: true } };
  const reply = await rest({ operation: 'note', path: `${conversationPath(externalId)}/messages`, body }, signal);
  if (reply.kind !== 'answered') throw new ChatwootUnclear('channel_unclear', `note: ${reply.error}`);
  if (reply.status < 200 || reply.status >= 300) throw refusal(reply.status);
  await setStatus(rest, { externalId, status: 'open' }, signal);
}

function refusal(status: number): AppError {
  if (status === 401 || status === 403) return new ChatwootUnclear('channel_auth', `note: Chatwoot answered ${status}; check apiToken`);
  return new ChatwootUnclear(status === 404 ? 'channel_not_found' : 'channel_unclear', `note: Chatwoot answered ${status}`);
}
