import type { Conversation, Owner } from '../domain/conversation.ts';
import type { ChannelId, ConversationId, LaneId, OrgId } from '../domain/ids.ts';

/** Ownership, and the little the reconciler must remember. */
export interface Conversations {
  get(id: ConversationId): Promise<Conversation | null>;
  find(channelId: ChannelId, externalId: string): Promise<Conversation | null>;
  /**
   * Sets the owner; creates the conversation when it is new. Raises the epoch and makes the lane ready now, if the owner changes. An `at`
   * (UTC ms, the platform's) older than the last change is ignored, so that late webhooks do not undo newer ones.
   */
  setOwner(change: {
    orgId: OrgId;
    channelId: ChannelId;
    conversationId: ConversationId;
    externalId: string;
    owner: Owner;
    at: number;
  }): Promise<{ changed: boolean; laneId: LaneId }>;
  /** The platform was asked: no more doubt. */
  clearDoubt(id: ConversationId): Promise<void>;
  /** Which of these message ids of the platform are stored already. */
  known(channelId: ChannelId, externalIds: string[]): Promise<string[]>;
  /** How far catch-up has come on a channel, UTC ms; null before the first time. */
  cursor(channelId: ChannelId): Promise<number | null>;
  setCursor(channelId: ChannelId, at: number): Promise<void>;
}
