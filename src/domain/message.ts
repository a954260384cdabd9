import type { ChannelId, ConversationId, MessageId, OrgId } from './ids.ts';

export type Direction = 'inbound' | 'outbound';

/** A file or place that came with a message. Only what a responder can use is kept. */
export interface Attachment {
  type: string;
  url?: string;
  name?: string;
}

/** How a message ended. Every accepted message gets exactly one, with a reason. */
export type Ending = 'answered' | 'handed_off' | 'suppressed' | 'dead';

/**
 * The closed list of reasons of an ending. `answered`: `reply`. `handed_off`: `human_owns`, `outside_hours`, `bot_loop`.
 * `suppressed`: the verdicts of intake and `withdrawn`, `empty_reply`, `bot_loop`. `dead`: why the job died.
 */
export type EndingReason =
  | 'reply'
  | 'empty_reply'
  | 'human_owns'
  | 'duplicate_text'
  | 'unsupported'
  | 'withdrawn'
  | 'outside_hours'
  | 'limited'
  | 'flooded'
  | 'bot_loop'
  | DeadReason;

/** Why a job died. `discarded` and `purged` are operators' decisions about a job that was already dead. */
export type DeadReason =
  | 'attempts_exhausted'
  | 'crashed'
  | 'send_failed'
  | 'channel_auth'
  | 'ambiguous_send'
  | 'unroutable'
  | 'handler_rejected';

/** What a channel makes of one message of a delivery: our words, the platform's ids. */
export interface InboundMessage {
  /** The platform's identity of the message, unique within its channel. */
  externalId: string;
  /** The platform's identity of the conversation, unique within its channel. */
  conversation: string;
  /** The platform's identity of the sender. */
  author: string;
  text: string;
  attachments: Attachment[];
  /** When the platform says it was sent, UTC ms. */
  sentAt: number;
  locale: string | null;
}

/** A message as responders and journeys see it. */
export interface StoredMessage {
  id: MessageId;
  orgId: OrgId;
  channelId: ChannelId;
  conversationId: ConversationId;
  direction: Direction;
  externalId: string | null;
  author: string;
  text: string;
  attachments: Attachment[];
  sentAt: number;
}

/** Text that every store and platform can carry: no NUL, no lone surrogate. */
export function cleanText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}
