import type { InboundEvent } from '../../ports/channel.ts';
import { isDeleted, isUnsupported, toInbound } from './inbound.ts';
import { hasHumanAssignee } from './payload.ts';
import type { ConversationPayload, MessageEvent } from './payload.ts';
import { writerOf } from './writer.ts';

/** What `message_created` means. `conversation.messages` is not looked at: it holds the last message, not this one. */
export function createdMessage(event: MessageEvent): InboundEvent[] {
  const writer = writerOf(event);
  switch (writer.kind) {
    case 'contact':
      return fromContact(event);
    case 'ours':
      return [{ kind: 'echo', key: writer.key, providerId: String(event.id) }];
    case 'human':
      return [{ kind: 'owner', conversation: String(event.conversation.id), owner: 'human', at: event.created_at, why: 'human_reply' }];
    case 'bot':
      return [{ kind: 'ignored', name: 'other_bot' }];
    case 'nobody':
      return [{ kind: 'ignored', name: writer.name }];
  }
}

/**
 * What `message_updated` means. Nothing in it says what changed, and it repeats for delivery states, so a contact's message is simply
 * taken as it is now.
 */
export function updatedMessage(event: MessageEvent): InboundEvent[] {
  if (writerOf(event).kind !== 'contact') return [{ kind: 'ignored', name: 'message_updated' }];
  const { conversation, externalId, text } = toInbound(event, event.conversation);
  if (isDeleted(event)) return [{ kind: 'withdraw', conversation, externalId }];
  if (text.trim() === '') return [{ kind: 'ignored', name: 'message_updated' }];
  return [{ kind: 'edit', conversation, externalId, text }];
}

function fromContact(event: MessageEvent): InboundEvent[] {
  const message = toInbound(event, event.conversation);
  const unsupported = isUnsupported(event, message);
  const standing = standingOf(event.conversation);
  if (standing.by !== 'human') {
    return [{ kind: 'message', message, refused: unsupported ? 'unsupported' : null, doubt: standing.by === 'unclear' && !unsupported }];
  }
  const at = event.conversation.updated_at ?? event.created_at;
  return [
    { kind: 'owner', conversation: message.conversation, owner: 'human', at, why: standing.why },
    { kind: 'message', message, refused: unsupported ? 'unsupported' : 'human_owns', doubt: false },
  ];
}

type Standing = { by: 'bot' } | { by: 'human'; why: string } | { by: 'unclear' };

/**
 * Who the snapshot in the event says the conversation belongs to. `pending` is the bot's. `open` with a person assigned, and `snoozed`,
 * are people's. Any other `open` is unclear: Chatwoot itself opens a pending conversation when a bot's webhook fails, and
 * `first_reply_created_at` stays set for the conversation's whole life, through every resolve and return to the bot; so the platform is
 * asked before the turn.
 */
function standingOf(conversation: ConversationPayload): Standing {
  if (conversation.status === 'pending') return { by: 'bot' };
  if (conversation.status === 'snoozed') return { by: 'human', why: 'snoozed' };
  if (conversation.status === 'open' && hasHumanAssignee(conversation)) return { by: 'human', why: 'assigned' };
  return { by: 'unclear' };
}
