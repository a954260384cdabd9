import type { Owner } from '../../domain/conversation.ts';
import { lastAssignment, lastGiveBack, lastReply, spokeSince } from './evidence.ts';
import type { Written } from './evidence.ts';
import type { ChatwootSettings } from './options.ts';
import { isHandedOver } from './hand-over.ts';
import { hadHumanReply, hasHumanAssignee } from './payload.ts';
import type { RestMessage } from './payload.ts';
import { ChatwootUnclear } from './read.ts';
import type { ShownConversation } from './read.ts';

export interface Finding {
  owner: Owner;
  /**
   * When it became so, UTC ms. For the bot the time of what gave the conversation to it, and 0 where nothing did: an owner known by a
   * webhook then stands.
   */
  at: number;
  takeBack?: boolean;
}

/** Whole seconds of REST end with this, ms. */
const REST_OF_SECOND_MS = 999;

/** What Chatwoot shows of a conversation. */
interface Look {
  conversation: ShownConversation;
  past: Written[];
}

/** People's evidence first. Throws ChatwootUnclear for an unknown status. */
export function judge(conversation: ShownConversation, past: Written[], onOpen: ChatwootSettings['onOpen']): Finding {
  const look: Look = { conversation, past };
  switch (conversation.status) {
    case 'snoozed':
      return heldByPeople(look);
    case 'pending':
      return judgePending(look);
    case 'resolved':
      return judgeResolved(look);
    case 'open':
      return judgeOpen(look, onOpen);
    default:
      throw new ChatwootUnclear('channel_unclear', 'read_conversation: Chatwoot told a status that is not known');
  }
}

/**
 * A person's answer leaves a bot's conversation pending, and so does an assignment in versions before 2026-06. An assignee may also be left
 * from before the conversation was resolved and reopened.
 */
function judgePending({ conversation, past }: Look): Finding {
  const reply = lastReply(past);
  const claim = newer(reply, assignmentOf({ conversation, past }));
  const back = lastGiveBack(past);
  if (back && (!claim || back.id > claim.id)) return { owner: 'bot', at: back.created_at };
  if (claim) return claim === reply && isBotsSince(past, claim) ? { owner: 'bot', at: 0 } : claimedBy(claim, conversation);
  if (!conversation.meta?.assignee) return { owner: 'bot', at: 0 };
  // Nobody tells since when: a return to the bot that a webhook told is newer than the conversation's beginning, and stands.
  if (hasHumanAssignee(conversation)) return { owner: 'human', at: conversation.created_at ?? 0 };
  // Assigning the bot takes a conversation from the person who had it.
  return { owner: 'bot', at: changedAt({ conversation, past }) };
}

/**
 * The contact's next message reopens it for the bot; what a person answered before resolving stays answered. The resolving came after the
 * answer, so this is at the start of the answer's second.
 */
function judgeResolved(look: Look): Finding {
  const { past } = look;
  const reply = lastReply(past);
  const isOver = !reply || isBotsSince(past, reply) || past.some(({ message, writer }) => writer.kind === 'contact' && message.id > reply.id);
  return isOver ? { owner: 'bot', at: changedAt(look) } : { owner: 'human', at: reply.created_at };
}

function judgeOpen(look: Look, onOpen: ChatwootSettings['onOpen']): Finding {
  const { conversation, past } = look;
  if (hasHumanAssignee(conversation)) return heldByPeople(look);
  const reply = lastReply(past);
  const back = lastGiveBack(past);
  if (reply) {
    const isBack = (back !== null && back.id > reply.id) || isBotsSince(past, reply);
    if (!isBack) return claimedBy(reply, conversation);
  } else if (hadHumanReply(conversation) && !back && !spokeSince(past, past[0]?.message.created_at ?? Infinity)) {
    // A person answered earlier than we can see, and nothing tells of a return since.
    return heldByPeople(look);
  }
  // The bot itself left it to people, and nobody gave it back since.
  const left = past.findLast(({ message }) => isHandedOver(message))?.message;
  if (left && (!back || left.id > back.id)) return heldByPeople(look);
  return onOpen === 'take_back' ? { owner: 'bot', at: changedAt(look), takeBack: true } : heldByPeople(look);
}

const assignmentOf = ({ conversation, past }: Look): RestMessage | null =>
  hasHumanAssignee(conversation) ? lastAssignment(past, conversation.meta?.assignee?.name ?? '') : null;

function newer(one: RestMessage | null, other: RestMessage | null): RestMessage | null {
  if (!one || !other) return one ?? other;
  return one.id > other.id ? one : other;
}

const isBotsSince = (past: Written[], reply: RestMessage): boolean => spokeSince(past, reply.created_at + REST_OF_SECOND_MS);

/**
 * REST tells whole seconds; the end of it, so that a person wins over what happened in the same second. The conversation's own last change
 * is exact: when it lies in that second, what comes after it must not be hidden.
 */
function claimedBy({ created_at }: RestMessage, { updated_at }: ShownConversation): Finding {
  const end = created_at + REST_OF_SECOND_MS;
  const isWithin = typeof updated_at === 'number' && updated_at >= created_at && updated_at <= end;
  return { owner: 'human', at: isWithin ? updated_at : end };
}

const heldByPeople = (look: Look): Finding => ({ owner: 'human', at: look.conversation.updated_at ?? changedAt(look) + REST_OF_SECOND_MS });

/** `updated_at` is exact; the others are whole seconds. */
const changedAt = ({ conversation, past }: Look): number =>
  conversation.updated_at ?? conversation.last_activity_at ?? past.at(-1)?.message.created_at ?? 0;
