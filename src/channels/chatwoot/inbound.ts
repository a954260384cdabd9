import { cleanText } from '../../domain/message.ts';
import type { Attachment, InboundMessage } from '../../domain/message.ts';
import type { ConversationPayload, MessagePayload } from './payload.ts';

/**
 * A contact's message in our words. The same text from a webhook and from REST, which does not normalize it: hard breaks of CommonMark
 * become plain ones, trailing newlines go.
 */
export function toInbound(message: MessagePayload, conversation: ConversationPayload): InboundMessage {
  return {
    externalId: String(message.id),
    conversation: String(conversation.id),
    author: `contact:${message.sender?.id ?? conversation.meta?.sender?.id ?? 'unknown'}`,
    text: cleanText(message.content ?? '').replaceAll('\\\n', '\n').replace(/\n+$/, ''),
    attachments: (message.attachments ?? []).map(toAttachment),
    sentAt: message.created_at,
    locale: localeOf(conversation),
  };
}

type AttachmentPayload = NonNullable<MessagePayload['attachments']>[number];

function toAttachment(attachment: AttachmentPayload): Attachment {
  return {
    type: attachment.file_type ?? 'file',
    ...(attachment.data_url ? { url: attachment.data_url } : {}),
    ...(attachment.fallback_title ? { name: cleanText(attachment.fallback_title) } : {}),
  };
}

/** Set by the web widget and by language detection; absent on most channels. */
function localeOf(conversation: ConversationPayload): string | null {
  const { conversation_language, browser_language } = conversation.additional_attributes ?? {};
  for (const language of [conversation_language, browser_language]) {
    const match = typeof language === 'string' ? /^[a-z]{2}(?![a-z])/i.exec(language) : null;
    if (match) return match[0].toLowerCase();
  }
  return null;
}

/**
 * What a bot has nothing to say to: being mentioned in a story, a call, what Chatwoot itself cannot show, nothing at all, and anything
 * from a contact that the agents have blocked.
 */
export function isUnsupported(message: MessagePayload, inbound: InboundMessage): boolean {
  if (message.sender?.blocked) return true;
  const { image_type, is_unsupported } = message.content_attributes ?? {};
  if (image_type === 'story_mention' || is_unsupported || message.content_type === 'voice_call') return true;
  return inbound.text.trim() === '' && inbound.attachments.length === 0;
}

export const isDeleted = (message: Pick<MessagePayload, 'content_attributes'>): boolean => Boolean(message.content_attributes?.deleted);
