import type { JsonObject } from '../http-server.ts';
import type { RestOperation } from './faults.ts';
import { isFlooded } from './limits.ts';
import type { Limits } from './limits.ts';
import { noting } from './notes.ts';
import { assignTeam, assignTo, changeStatus, createMessage, handOff, openAs } from './platform.ts';
import type { MessageDraft, Platform } from './platform.ts';
import { conversationPage, messagePage, restAssignee, restConversation, restMessage } from './rest-payloads.ts';
import { STATUSES } from './world.ts';
import type { Agent, Bot, Conversation, Status } from './world.ts';

/** Null as `json`: an empty body. */
export interface RestReply {
  status: number;
  json: unknown;
}

export interface RestCall {
  platform: Platform;
  limits: Limits;
  /** Whose token it is. */
  caller: Agent | Bot;
  conversation: Conversation;
  body: JsonObject;
  query: URLSearchParams;
}

const refuse = (error: string): RestReply => ({ status: 422, json: { error } });

/** Everything about one conversation that exists. */
export const CONVERSATION_HANDLERS: Record<Exclude<RestOperation, 'conversation_list'>, (call: RestCall) => RestReply> = {
  conversation_show: ({ platform, conversation }) => ({ status: 200, json: restConversation(platform.world, conversation) }),
  message_list: listMessages,
  message_create: postMessage,
  status_toggle: (call) => noted(call, toggleStatus),
  typing_toggle: toggleTyping,
  assignment: (call) => noted(call, assign),
};

export function listConversations(platform: Platform, caller: Agent, query: URLSearchParams): RestReply {
  const asked = {
    status: query.get('status') ?? 'open',
    assigneeType: query.get('assignee_type'),
    page: Math.max(1, Number(query.get('page') ?? 1) || 1),
    user: caller,
  };
  return { status: 200, json: conversationPage(platform.world, asked) };
}

function listMessages({ platform, conversation, query }: RestCall): RestReply {
  const range = { before: Number(query.get('before') ?? 0) || 0, after: Number(query.get('after') ?? 0) || 0 };
  const payload = messagePage(conversation.messages, range).map((message) => restMessage(platform.world, message));
  const contact = { id: conversation.contact.id, name: conversation.contact.name, type: 'contact' };
  const meta = { labels: [], additional_attributes: {}, contact, assignee: restAssignee(conversation.assignee) };
  return { status: 200, json: { meta, payload } };
}

const MAX_CONTENT = 150_000;

function postMessage(call: RestCall): RestReply {
  const { platform, conversation, body } = call;
  const draft = draftOf(call);
  if (typeof draft === 'string') return refuse(draft);
  if (draft.content.length > MAX_CONTENT) {
    return refuse(`Validation failed: Content is too long (maximum is ${MAX_CONTENT} characters)`);
  }
  if (isFlooded(conversation.messages, call.limits, platform.clock.now())) {
    return refuse('Validation failed: Too many messages');
  }
  const echoId = typeof body['echo_id'] === 'string' ? body['echo_id'] : null;
  const message = createMessage(platform, conversation, { ...draft, echoId });
  return { status: 200, json: restMessage(platform.world, message) };
}

/** The message that a request asks for, or why Chatwoot would not create it. */
function draftOf({ body, caller }: RestCall): MessageDraft | string {
  const { content, message_type: type = 'outgoing', content_type: contentType = 'text', private: isPrivate } = body;
  const contentAttributes = attributesIn(body['content_attributes']);
  if (type === 'incoming') return 'Incoming messages are only allowed in Api inboxes';
  if (type !== 'outgoing') return `'${String(type)}' is not a valid message_type`;
  if (typeof contentType !== 'string') return `'${String(contentType)}' is not a valid content_type`;
  if (typeof content !== 'string') return 'Validation failed: Content must be a string';
  if (contentAttributes === null) return 'Validation failed: Content attributes must be an object';
  const isNote = isPrivate === true || isPrivate === 'true';
  return { type, content, sender: caller, private: isNote, contentType, contentAttributes, api: true };
}

/** Chatwoot takes an object, or the JSON text of one. */
function attributesIn(value: unknown): Record<string, unknown> | null {
  if (value === undefined || value === null) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  if (typeof value !== 'string') return null;
  try {
    return attributesIn(JSON.parse(value) ?? {});
  } catch {
    return null;
  }
}

function noted(call: RestCall, handle: (call: RestCall) => RestReply): RestReply {
  let reply: RestReply = { status: 200, json: null };
  noting(call.platform, { conversation: call.conversation, by: call.caller }, () => (reply = handle(call)));
  return reply;
}

function toggleStatus({ platform, conversation, caller, body }: RestCall): RestReply {
  const to = body['status'] === undefined ? toggled(conversation.status) : statusIn(body['status']);
  if (to === null) return refuse(`'${String(body['status'])}' is not a valid status`);
  if (caller.type === 'user' && to === 'open') openAs(platform, conversation, caller);
  else if (caller.type === 'agent_bot' && to === 'open' && conversation.status === 'pending') handOff(platform, conversation);
  else {
    const why = caller.type === 'user' ? 'api_user' : 'api_bot';
    changeStatus(platform, conversation, { to, why, snoozedUntil: instantIn(body['snoozed_until']) });
  }
  const current = { conversation_id: conversation.id, current_status: conversation.status };
  const snoozedUntil = conversation.snoozedUntil === null ? null : new Date(conversation.snoozedUntil).toISOString();
  return { status: 200, json: { meta: {}, payload: { success: true, ...current, snoozed_until: snoozedUntil } } };
}

function toggled(status: Status): Status {
  return status === 'open' ? 'resolved' : 'open';
}

function statusIn(value: unknown): Status | null {
  return STATUSES.find((status) => status === value) ?? null;
}

/** Epoch seconds, or a date. */
function instantIn(value: unknown): number | null {
  if (typeof value !== 'string' && typeof value !== 'number') return null;
  const epochS = Number(value);
  const at = Number.isNaN(epochS) ? Date.parse(`${value}`) : epochS * 1000;
  return Number.isNaN(at) ? null : at;
}

function toggleTyping({ platform, conversation, body }: RestCall): RestReply {
  const status = body['typing_status'];
  if (status === 'on' || status === 'off') {
    const at = platform.clock.now();
    platform.ledger.typing.push({ conversation: conversation.id, on: status === 'on', at });
  }
  return { status: 200, json: null };
}

function assign({ platform, conversation, body }: RestCall): RestReply {
  const { world } = platform;
  if (body['assignee_type'] === 'AgentBot') {
    assignTo(platform, conversation, Number(body['assignee_id']) === world.bot.id ? 'bot' : null);
  } else if ('assignee_id' in body) {
    const id = Number(body['assignee_id'] ?? 0);
    assignTo(platform, conversation, [...world.agents, world.integration].find((agent) => agent.id === id) ?? null);
  } else if ('team_id' in body) {
    assignTeam(platform, conversation, Number(body['team_id'] ?? 0) || null);
    return { status: 200, json: conversation.teamId === null ? null : { id: conversation.teamId } };
  }
  return { status: 200, json: restAssignee(conversation.assigneeBot ? world.bot : conversation.assignee) };
}
