import { laneOf } from '../../../src/domain/ids.ts';
import type { Conversations } from '../../../src/ports/conversations.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import { ensureConversation, ensureLane, findConversation, findMessage, isLeased } from './state.ts';
import type { State } from './state.ts';

type Change = Parameters<Conversations['setOwner']>[0];

/** Who owns a conversation, and how far catch-up has come. */
export function conversations(state: State): Commands<Conversations> {
  const copy = <T extends object>(row: T | null | undefined): T | null => (row ? { ...row } : null);
  return {
    get: (id) => copy(state.conversations.get(id)),
    find: (channelId, externalId) => copy(findConversation(state, channelId, externalId)),
    setOwner: (change) => setOwner(state, change),
    clearDoubt: (id) => {
      const conversation = state.conversations.get(id);
      if (conversation) conversation.doubt = false;
    },
    known: (channelId, externalIds) => externalIds.filter((each) => findMessage(state, channelId, each)?.arrived),
    cursor: (channelId) => state.cursors.get(channelId) ?? null,
    setCursor: (channelId, at) => {
      state.cursors.set(channelId, at);
    },
  };
}

function setOwner(state: State, change: Change): { changed: boolean; laneId: ReturnType<typeof laneOf> } {
  const conversation = ensureConversation(state, change);
  const laneId = laneOf(conversation.id);
  if (change.at < conversation.ownerSince) return { changed: false, laneId };
  if (change.owner === conversation.owner) {
    conversation.ownerSince = change.at; // confirmed: an older change that comes late must not undo it
    return { changed: false, laneId };
  }
  Object.assign(conversation, { owner: change.owner, ownerEpoch: conversation.ownerEpoch + 1, ownerSince: change.at });
  const lane = ensureLane(state, laneId, { orgId: conversation.orgId, conversationId: conversation.id });
  if (!isLeased(lane, state.clock.now())) lane.readyAt = 0;
  return { changed: true, laneId };
}
