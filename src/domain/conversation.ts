import type { ChannelId, ConversationId, OrgId } from './ids.ts';

/** Who answers in a conversation now. Only a `bot` conversation gets turns. */
export type Owner = 'bot' | 'human';

export interface Conversation {
  id: ConversationId;
  orgId: OrgId;
  channelId: ChannelId;
  /** The platform's own number or name of the conversation. */
  externalId: string;
  owner: Owner;
  /** Raised by every takeover and every give-back; a reply computed under an older one is never sent. */
  ownerEpoch: number;
  /** When the owner last changed, UTC ms; 0 when it never did. */
  ownerSince: number;
  /** Two-letter language of the contact, when known. */
  locale: string | null;
  /** The platform's state contradicts ours: ask the platform before the next turn. */
  doubt: boolean;
}
