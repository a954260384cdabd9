import { MESSAGE_TYPES } from './world.ts';
import type { Conversation, Message, Sender, World } from './world.ts';

/** `[before, after]` by attribute, as the webhook's `changed_attributes` reports them. */
export type Changes = Record<string, [unknown, unknown]>;

export type WebhookEvent =
  | { name: 'message_created' | 'message_updated'; message: Message }
  | {
      name: 'conversation_opened' | 'conversation_resolved' | 'conversation_status_changed' | 'conversation_updated';
      conversation: Conversation;
      changes: Changes | null;
    };

/**
 * The body of a webhook, as Rails would write it.
 * https://github.com/chatwoot/chatwoot/blob/develop/app/models/message.rb (`webhook_data`),
 * https://github.com/chatwoot/chatwoot/blob/develop/app/presenters/conversations/event_data_presenter.rb
 */
export function webhookBody(world: World, event: WebhookEvent): string {
  const payload = 'message' in event ? messagePayload(world, event.message) : conversationEvent(world, event);
  return railsJson({ event: event.name, ...payload });
}

/** Rails' ActiveSupport escapes these in every JSON text, so that it may stand inside HTML. */
export function railsJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function messagePayload(world: World, message: Message): Record<string, unknown> {
  return {
    account: accountPayload(world),
    additional_attributes: {},
    content_attributes: message.contentAttributes,
    content_type: message.contentType,
    content: webhookContent(message.content),
    conversation: conversationPayload(world, message.conversation),
    created_at: new Date(message.at).toISOString(),
    id: message.id,
    inbox: { id: world.inboxId, name: 'Simulated inbox' },
    message_type: message.type,
    private: message.private,
    sender: senderPayload(world, message.sender),
    source_id: null,
    ...(message.attachments.length > 0 ? { attachments: attachmentPayloads(world, message) } : {}),
  };
}

/** Hard breaks of CommonMark become plain ones, and trailing newlines go. */
function webhookContent(content: string): string {
  return content.replaceAll('\\\n', '\n').replace(/\n+$/, '');
}

function senderPayload(world: World, sender: Sender | null): Record<string, unknown> | null {
  if (sender === null) return null;
  if (sender.type === 'agent_bot') return { id: sender.id, name: sender.name, type: 'agent_bot' };
  if (sender.type === 'user') return { id: sender.id, name: sender.name, email: sender.email, type: 'user' };
  return { account: accountPayload(world), ...contactFields(sender.id, sender.name) };
}

function contactFields(id: number, name: string): Record<string, unknown> {
  return {
    additional_attributes: {},
    avatar: '',
    blocked: false,
    custom_attributes: {},
    email: null,
    id,
    identifier: null,
    name,
    phone_number: null,
    thumbnail: '',
  };
}

function accountPayload(world: World): Record<string, unknown> {
  return { id: world.accountId, name: 'Simulated account' };
}

export function attachmentPayloads(world: World, message: Message): Record<string, unknown>[] {
  return message.attachments.map((attachment, index) => ({
    id: message.id * 100 + index,
    message_id: message.id,
    file_type: attachment.fileType,
    account_id: world.accountId,
    extension: null,
    data_url: attachment.dataUrl,
    thumb_url: '',
    file_size: attachment.fileSize ?? 1024,
    width: null,
    height: null,
  }));
}

function conversationEvent(
  world: World,
  event: Extract<WebhookEvent, { conversation: Conversation }>,
): Record<string, unknown> {
  return {
    ...conversationPayload(world, event.conversation),
    ...(event.changes === null ? {} : { changed_attributes: changedAttributes(event.changes) }),
  };
}

function changedAttributes(changes: Changes): Record<string, unknown>[] {
  return Object.entries(changes).map(([name, [before, after]]) => ({
    [name]: { previous_value: before, current_value: after },
  }));
}

export function conversationPayload(world: World, conversation: Conversation): Record<string, unknown> {
  const last = conversation.messages.findLast((message) => message.type !== 'activity' && !message.private);
  return {
    additional_attributes: {},
    can_reply: true,
    channel: 'Channel::WebWidget',
    contact_inbox: contactInbox(world, conversation),
    id: conversation.id,
    inbox_id: world.inboxId,
    messages: last ? [pushedMessage(world, last)] : [],
    labels: [],
    meta: conversationMeta(world, conversation),
    status: conversation.status,
    custom_attributes: {},
    snoozed_until: isoOrNull(conversation.snoozedUntil),
    unread_count: unreadCount(conversation),
    first_reply_created_at: isoOrNull(conversation.firstReplyAt),
    priority: null,
    waiting_since: seconds(conversation.waitingSince),
    agent_last_seen_at: 0,
    contact_last_seen_at: 0,
    last_activity_at: seconds(conversation.lastActivityAt),
    timestamp: seconds(conversation.lastActivityAt),
    created_at: seconds(conversation.createdAt),
    updated_at: conversation.updatedAt / 1000,
    account: accountPayload(world),
  };
}

function contactInbox(world: World, conversation: Conversation): Record<string, unknown> {
  return {
    id: conversation.contact.id,
    contact_id: conversation.contact.id,
    inbox_id: world.inboxId,
    source_id: `contact-${conversation.contact.id}`,
    created_at: new Date(conversation.createdAt).toISOString(),
    updated_at: new Date(conversation.createdAt).toISOString(),
    hmac_verified: false,
    pubsub_token: `token-${conversation.contact.id}`,
  };
}

export function conversationMeta(world: World, conversation: Conversation): Record<string, unknown> {
  const { assignee, assigneeBot, contact } = conversation;
  return {
    sender: { ...contactFields(contact.id, contact.name), type: 'contact' },
    assignee: senderPayload(world, assigneeBot ? world.bot : assignee),
    assignee_type: assigneeBot ? 'AgentBot' : assignee ? 'User' : null,
    team: conversation.teamId === null ? null : { id: conversation.teamId, name: `Team ${conversation.teamId}` },
    hmac_verified: false,
  };
}

const SENDER_TYPES = { contact: 'Contact', user: 'User', agent_bot: 'AgentBot' } as const;

/** The other dialect: numeric type, epoch seconds. Used inside conversations and by the REST API. */
export function pushedMessage(world: World, message: Message): Record<string, unknown> {
  const { sender } = message;
  return {
    id: message.id,
    content: message.content,
    account_id: world.accountId,
    inbox_id: world.inboxId,
    conversation_id: message.conversation.id,
    message_type: MESSAGE_TYPES.indexOf(message.type),
    created_at: seconds(message.at),
    updated_at: new Date(message.at).toISOString(),
    private: message.private,
    status: 'sent',
    source_id: null,
    content_type: message.contentType,
    content_attributes: message.contentAttributes,
    sender_type: sender ? SENDER_TYPES[sender.type] : null,
    sender_id: sender?.id ?? null,
    ...(message.echoId === null ? {} : { echo_id: message.echoId }),
    ...(sender ? { sender: pushedSender(sender) } : {}),
    ...(message.attachments.length > 0 ? { attachments: attachmentPayloads(world, message) } : {}),
  };
}

function pushedSender(sender: Sender): Record<string, unknown> {
  if (sender.type === 'contact') return { ...contactFields(sender.id, sender.name), type: 'contact' };
  if (sender.type === 'user') {
    return { id: sender.id, name: sender.name, available_name: sender.name, avatar_url: '', thumbnail: '', type: 'user' };
  }
  return { id: sender.id, name: sender.name, avatar_url: '', thumbnail: '', type: 'agent_bot' };
}

/** The contact's messages that nobody answered yet, as far as the simulator tracks reading. */
export function unreadCount(conversation: Conversation): number {
  let unread = 0;
  for (let index = conversation.messages.length - 1; index >= 0 && unread < 10; index -= 1) {
    const message = conversation.messages[index];
    if (message?.type === 'outgoing' && !message.private) break;
    if (message?.type === 'incoming') unread += 1;
  }
  return unread;
}

/** Epoch seconds; 0 stands for null. */
export function seconds(at: number | null): number {
  return at === null ? 0 : Math.floor(at / 1000);
}

export function isoOrNull(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
