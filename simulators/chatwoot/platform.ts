import type { SimClock } from '../clock.ts';
import type { Ledger, StatusChange, Takeover } from './ledger.ts';
import { isoOrNull } from './webhook-payloads.ts';
import type { Changes, WebhookEvent } from './webhook-payloads.ts';
import type { Agent, Attachment, Conversation, Message, MessageType, Sender, Status, World } from './world.ts';

/** What every action needs. */
export interface Platform {
  world: World;
  ledger: Ledger;
  clock: SimClock;
  /** Builds the webhook from the records as they are now, and queues it. */
  emit(event: WebhookEvent): void;
}

export interface MessageDraft {
  type: MessageType;
  content: string;
  sender: Sender | null;
  private?: boolean;
  contentType?: string;
  contentAttributes?: Record<string, unknown>;
  echoId?: string | null;
  attachments?: Attachment[];
  /** Posted through the REST API instead of typed in the dashboard. */
  api?: boolean;
}

/** Stores a message and emits its webhooks in Rails' order: reopening, the message itself, what it did to the waiting. */
export function createMessage(platform: Platform, conversation: Conversation, draft: MessageDraft): Message {
  const message = storeMessage(platform, conversation, draft);
  recordMessage(platform.ledger, message, draft.api ?? false);
  if (message.type === 'incoming') reopen(platform, conversation);
  conversation.lastActivityAt = message.at;
  conversation.updatedAt = message.at;
  if (message.type !== 'activity') platform.emit({ name: 'message_created', message });
  settleWaiting(platform, message);
  return message;
}

/** Entered before any webhook is queued, so that a webhook's outcome always finds its message. */
function recordMessage(ledger: Ledger, message: Message, api: boolean): void {
  const { id, at, content, sender } = message;
  const conversation = message.conversation.id;
  if (message.type === 'incoming') {
    ledger.contactMessages.push({ id, conversation, text: content, at, attempts: [], ackAt: null });
  } else if (message.type === 'outgoing' && sender?.type === 'user' && !api) {
    ledger.agentMessages.push({ id, conversation, content, private: message.private, agent: sender.id, at });
  } else if (message.type === 'outgoing') {
    const by = sender?.type === 'user' ? 'user' : 'agent_bot';
    const entries = message.private ? ledger.botNotes : ledger.botMessages;
    entries.push({ id, conversation, content, contentAttributes: message.contentAttributes, sender: by, at });
  }
}

function storeMessage({ world, clock }: Platform, conversation: Conversation, draft: MessageDraft): Message {
  world.lastMessageId += 1;
  const message: Message = {
    id: world.lastMessageId,
    conversation,
    type: draft.type,
    content: draft.content,
    contentType: draft.contentType ?? 'text',
    contentAttributes: draft.contentAttributes ?? {},
    private: draft.private ?? false,
    sender: draft.sender,
    echoId: draft.echoId ?? null,
    attachments: draft.attachments ?? [],
    at: clock.now(),
  };
  conversation.messages.push(message);
  world.messages.set(message.id, message);
  return message;
}

/** A contact's message wakes a resolved conversation for the bot, and a snoozed one for the team. */
function reopen(platform: Platform, conversation: Conversation): void {
  if (conversation.status === 'resolved') changeStatus(platform, conversation, { to: 'pending', why: 'customer_message' });
  if (conversation.status === 'snoozed') changeStatus(platform, conversation, { to: 'open', why: 'customer_message' });
}

function settleWaiting(platform: Platform, message: Message): void {
  const { conversation } = message;
  if (message.type === 'incoming' && conversation.waitingSince === null) {
    update(platform, conversation, { waitingSince: message.at });
  }
  if (message.type !== 'outgoing' || message.private) return;
  const human = message.sender?.type === 'user';
  const firstReplyAt = human ? (conversation.firstReplyAt ?? message.at) : conversation.firstReplyAt;
  update(platform, conversation, { waitingSince: null, firstReplyAt });
}

type Updates = Partial<
  Pick<Conversation, 'status' | 'assignee' | 'assigneeBot' | 'teamId' | 'waitingSince' | 'firstReplyAt' | 'snoozedUntil'>
>;

/** Saves and emits what Rails' `after_update_commit` does; nothing when nothing changed. */
function update(platform: Platform, conversation: Conversation, updates: Updates): void {
  const names = Object.keys(updates) as (keyof Updates)[];
  if (names.every((name) => conversation[name] === updates[name])) return;
  const before = attributesOf(platform.world, conversation);
  Object.assign(conversation, updates);
  const after = attributesOf(platform.world, conversation);
  const changes: Changes = {};
  for (const name of Object.keys(before)) {
    if (before[name] !== after[name]) changes[name] = [before[name], after[name]];
  }
  changes['updated_at'] = [isoOrNull(conversation.updatedAt), isoOrNull(platform.clock.now())];
  conversation.updatedAt = platform.clock.now();
  emitStatus(platform, conversation, changes);
  platform.emit({ name: 'conversation_updated', conversation, changes });
}

function emitStatus(platform: Platform, conversation: Conversation, changes: Changes): void {
  const status = changes['status'];
  if (!status) return;
  if (conversation.status === 'open') platform.emit({ name: 'conversation_opened', conversation, changes: null });
  if (conversation.status === 'resolved') platform.emit({ name: 'conversation_resolved', conversation, changes: null });
  platform.emit({ name: 'conversation_status_changed', conversation, changes: { status } });
}

function attributesOf(world: World, conversation: Conversation): Record<string, unknown> {
  return {
    status: conversation.status,
    assignee_id: conversation.assignee?.id ?? null,
    assignee_agent_bot_id: conversation.assigneeBot ? world.bot.id : null,
    team_id: conversation.teamId,
    waiting_since: isoOrNull(conversation.waitingSince),
    first_reply_created_at: isoOrNull(conversation.firstReplyAt),
    snoozed_until: isoOrNull(conversation.snoozedUntil),
  };
}

export interface StatusWanted {
  to: Status;
  why: StatusChange['why'];
  snoozedUntil?: number | null;
}

export function changeStatus(platform: Platform, conversation: Conversation, wanted: StatusWanted): void {
  enterStatus(platform, conversation, wanted);
  const waitingSince = wanted.to === 'resolved' ? null : conversation.waitingSince;
  const snoozedUntil = wanted.to === 'snoozed' ? (wanted.snoozedUntil ?? null) : null;
  update(platform, conversation, { status: wanted.to, waitingSince, snoozedUntil });
}

function enterStatus({ ledger, clock }: Platform, conversation: Conversation, { to, why }: StatusWanted): void {
  if (conversation.status === to) return;
  ledger.statuses.push({ conversation: conversation.id, from: conversation.status, to, why, at: clock.now() });
}

/** What happens to a pending conversation whose bot did not take a message's webhook. */
export function flipOpen(platform: Platform, conversation: Conversation): void {
  changeStatus(platform, conversation, { to: 'open', why: 'bot_failure' });
  createMessage(platform, conversation, {
    type: 'activity',
    content: 'Conversation was marked open by system due to an error with the agent bot.',
    sender: null,
  });
}

/** A person opens the conversation (dashboard or user token): it becomes theirs, in a second save. */
export function openAs(platform: Platform, conversation: Conversation, agent: Agent): void {
  const why = agent === platform.world.integration ? 'api_user' : 'agent';
  changeStatus(platform, conversation, { to: 'open', why });
  enterTakeover(platform, conversation, { kind: 'opened_by_agent', by: agent.id });
  update(platform, conversation, { assignee: agent, assigneeBot: false });
}

/** The bot itself gives the conversation to the team. */
export function handOff(platform: Platform, conversation: Conversation): void {
  enterTakeover(platform, conversation, { kind: 'bot_handoff', by: null });
  enterStatus(platform, conversation, { to: 'open', why: 'api_bot' });
  const waitingSince = conversation.waitingSince ?? platform.clock.now();
  update(platform, conversation, { status: 'open', waitingSince, snoozedUntil: null });
}

/** To a person: a conversation that the bot had opens. To the bot: it is pending again. To null: nobody's. */
export function assignTo(platform: Platform, conversation: Conversation, assignee: Agent | 'bot' | null): void {
  if (assignee === 'bot') {
    enterStatus(platform, conversation, { to: 'pending', why: 'assignment' });
    update(platform, conversation, { status: 'pending', assignee: null, assigneeBot: true });
    return;
  }
  if (assignee === null) {
    update(platform, conversation, { assignee: null, assigneeBot: false });
    return;
  }
  enterTakeover(platform, conversation, { kind: 'assigned', by: assignee.id });
  const status = conversation.status === 'pending' ? 'open' : conversation.status;
  enterStatus(platform, conversation, { to: status, why: 'assignment' });
  update(platform, conversation, { status, assignee, assigneeBot: false });
}

export function assignTeam(platform: Platform, conversation: Conversation, teamId: number | null): void {
  update(platform, conversation, { teamId });
}

export function enterTakeover(
  { ledger, clock }: Platform,
  conversation: Conversation,
  { kind, by }: Pick<Takeover, 'kind' | 'by'>,
): void {
  ledger.takeovers.push({ conversation: conversation.id, kind, by, at: clock.now() });
}

/** Changes the text of a message that exists, and says so by webhook. */
export function changeMessage(
  platform: Platform,
  message: Message,
  change: { content: string; contentAttributes?: Record<string, unknown>; as: 'edited' | 'deleted' },
): void {
  message.content = change.content;
  if (change.contentAttributes) message.contentAttributes = change.contentAttributes;
  platform.ledger.changes.push({
    message: message.id,
    conversation: message.conversation.id,
    change: change.as,
    content: change.content,
    at: platform.clock.now(),
  });
  platform.emit({ name: 'message_updated', message });
}
