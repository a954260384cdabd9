import { conversationMeta, isoOrNull, pushedMessage, seconds, unreadCount } from './webhook-payloads.ts';
import { MESSAGE_TYPES } from './world.ts';
import type { Agent, Bot, Conversation, Message, World } from './world.ts';

/**
 * One message of the REST API.
 * https://github.com/chatwoot/chatwoot/blob/develop/app/views/api/v1/models/_message.json.jbuilder
 */
export function restMessage(world: World, message: Message): Record<string, unknown> {
  const { sender, attachments, ...rest } = pushedMessage(world, message);
  return {
    id: message.id,
    content: message.content,
    inbox_id: world.inboxId,
    ...(message.echoId === null ? {} : { echo_id: message.echoId }),
    conversation_id: message.conversation.id,
    message_type: MESSAGE_TYPES.indexOf(message.type),
    content_type: message.contentType,
    status: rest['status'],
    content_attributes: message.contentAttributes,
    created_at: seconds(message.at),
    private: message.private,
    source_id: null,
    ...(sender === undefined ? {} : { sender }),
    ...(attachments === undefined ? {} : { attachments }),
  };
}

/**
 * One conversation of the REST API, with its last message of any type.
 * https://github.com/chatwoot/chatwoot/blob/develop/app/views/api/v1/conversations/partials/_conversation.json.jbuilder
 */
export function restConversation(world: World, conversation: Conversation): Record<string, unknown> {
  const last = conversation.messages.at(-1);
  const spoken = conversation.messages.findLast((message) => message.type !== 'activity');
  const { sender, assignee, team, hmac_verified } = conversationMeta(world, conversation);
  return {
    meta: {
      sender,
      channel: 'Channel::WebWidget',
      ...(assignee === null ? {} : { assignee }),
      ...(team === null ? {} : { team }),
      hmac_verified,
    },
    id: conversation.id,
    messages: last ? [pushedMessage(world, last)] : [],
    account_id: world.accountId,
    additional_attributes: {},
    agent_last_seen_at: 0,
    assignee_last_seen_at: 0,
    can_reply: true,
    contact_last_seen_at: 0,
    custom_attributes: {},
    inbox_id: world.inboxId,
    labels: [],
    muted: false,
    snoozed_until: isoOrNull(conversation.snoozedUntil),
    status: conversation.status,
    created_at: seconds(conversation.createdAt),
    timestamp: seconds(conversation.lastActivityAt),
    first_reply_created_at: seconds(conversation.firstReplyAt),
    unread_count: unreadCount(conversation),
    last_non_activity_message: spoken ? pushedMessage(world, spoken) : null,
    last_activity_at: seconds(conversation.lastActivityAt),
    priority: null,
    waiting_since: seconds(conversation.waitingSince),
    sla_policy_id: null,
  };
}

export function restAssignee(assignee: Agent | Bot | null): Record<string, unknown> | null {
  if (assignee === null) return null;
  if (assignee.type === 'agent_bot') return { id: assignee.id, name: assignee.name };
  return { id: assignee.id, name: assignee.name, email: assignee.email, role: 'agent' };
}

const LATEST = 20;
const AFTER = 100;
const BETWEEN = 1000;

/**
 * The page that `before` and `after` ask for, oldest first.
 * https://github.com/chatwoot/chatwoot/blob/develop/app/finders/message_finder.rb
 */
export function messagePage(messages: Message[], { before, after }: { before: number; after: number }): Message[] {
  if (before && after) return messages.filter(({ id }) => id >= after && id < before).slice(0, BETWEEN);
  if (before) return messages.filter(({ id }) => id < before).slice(-LATEST);
  if (after) return messages.filter(({ id }) => id > after).slice(0, AFTER);
  return messages.slice(-LATEST);
}

const PER_PAGE = 25;

export interface ConversationQuery {
  /** A status, or `all`. */
  status: string;
  assigneeType: string | null;
  page: number;
  /** Whose `me` is. */
  user: Agent;
}

/**
 * https://github.com/chatwoot/chatwoot/blob/develop/app/finders/conversation_finder.rb, latest activity first.
 */
export function conversationPage(world: World, query: ConversationQuery): Record<string, unknown> {
  const found = [...world.conversations.values()].filter(
    (each) => query.status === 'all' || each.status === query.status,
  );
  const mine = found.filter((each) => each.assignee === query.user);
  const unassigned = found.filter((each) => each.assignee === null);
  const assigned = found.filter((each) => each.assignee !== null);
  const chosen = { me: mine, unassigned, assigned }[query.assigneeType ?? ''] ?? found;
  const from = (query.page - 1) * PER_PAGE;
  const page = chosen.toSorted((a, b) => b.lastActivityAt - a.lastActivityAt).slice(from, from + PER_PAGE);
  return {
    data: {
      meta: {
        mine_count: mine.length,
        assigned_count: assigned.length,
        unassigned_count: unassigned.length,
        all_count: found.length,
      },
      payload: page.map((each) => restConversation(world, each)),
    },
  };
}
