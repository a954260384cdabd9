import { z } from 'zod';
import type { OutgoingPart, SendResult } from '../../ports/channel.ts';
import { jsonOf } from './bounded-body.ts';
import { conversationPath } from './read.ts';
import type { Reply, Rest } from './rest.ts';
import { MARKER } from './writer.ts';

/** Chatwoot counts a conversation's messages per minute. */
const FLOOD_PAUSE_MS = 60_000;

const created = z.object({ id: z.union([z.int().positive(), z.string().min(1)]) });

/**
 * Posts one part. The marker in `content_attributes` is what a read-back and our own echo are recognised by; Chatwoot has no idempotency
 * key (`echo_id` is none). https://developers.chatwoot.com/api-reference/messages/create-new-message
 */
export async function sendPart(rest: Rest, part: OutgoingPart, signal: AbortSignal): Promise<SendResult> {
  const body = {
    content: part.text,
    message_type: 'outgoing',
    private: false,
    content_type: 'text',
    content_attributes: { [MARKER]: part.key },
  };
  const reply = await rest({ operation: 'send', path: `${conversationPath(part.conversation.externalId)}/messages`, body }, signal);
  return resultOf(reply);
}

/** Only what certainly was not shown is not ambiguous. Chatwoot may answer 500 after it has stored the message. */
function resultOf(reply: Reply): SendResult {
  if (reply.kind === 'not_sent') return { kind: 'refused_for_now', error: reply.error };
  if (reply.kind === 'no_answer') return { kind: 'ambiguous', error: reply.error };
  const { status, text } = reply;
  const error = `Chatwoot answered ${status}`;
  if (status >= 200 && status < 300) return shown(text, error);
  if (status >= 500 || status < 200 || status === 408) return { kind: 'ambiguous', error };
  if (status === 429) return paused(error, reply.retryAfterMs);
  if (status === 422 && /too many messages/i.test(text ?? '')) {
    return paused(`${error}: too many messages in this conversation`, reply.retryAfterMs ?? FLOOD_PAUSE_MS);
  }
  if (status === 401 || status === 403) {
    return { kind: 'failed', reason: 'channel_auth', error: `${error}: check apiToken, accountId and that the bot is connected to the inbox` };
  }
  if (status < 400) return { kind: 'failed', reason: 'send_failed', error: `${error}: it redirects; set baseUrl to the final address` };
  return { kind: 'failed', reason: 'send_failed', error };
}

function shown(text: string | null, error: string): SendResult {
  const message = created.safeParse(jsonOf(text));
  if (message.success) return { kind: 'sent', providerId: String(message.data.id) };
  return { kind: 'ambiguous', error: `${error} without the message` };
}

const paused = (error: string, ms: number | undefined): SendResult =>
  ms === undefined ? { kind: 'refused_for_now', isLimited: true, error } : { kind: 'refused_for_now', isLimited: true, retryAfterMs: ms, error };
