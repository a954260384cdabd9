import type { Conversation } from '../../src/domain/conversation.ts';
import type { ChannelId, ConversationId, MessageId, OrgId } from '../../src/domain/ids.ts';
import type { TurnMessage } from '../../src/domain/turn.ts';
import type { Question } from '../../src/ports/responder.ts';

const conversation: Conversation = {
  id: 'cnv_1' as ConversationId,
  orgId: 'org_1' as OrgId,
  channelId: 'chn_1' as ChannelId,
  externalId: '1',
  owner: 'bot',
  ownerEpoch: 0,
  ownerSince: 0,
  locale: null,
  doubt: false,
};

export function turnMessage(text: string, more: Partial<TurnMessage> = {}): TurnMessage {
  return { id: 'msg_1' as MessageId, seq: 1, externalId: '1', author: 'contact', text, attachments: [], sentAt: 0, withdrawn: false, ...more };
}

/** A question of these messages, in order. */
export function question(messages: (string | TurnMessage)[], more: Partial<Question> = {}): Question {
  const asked = messages.map((message) => (typeof message === 'string' ? turnMessage(message) : message));
  return { conversation, messages: asked, history: [], locale: 'en', ...more };
}
