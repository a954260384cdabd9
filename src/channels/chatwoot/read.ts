import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { jsonOf } from './bounded-body.ts';
import { conversationSchema, instant, restMessageSchema } from './payload.ts';
import type { RestMessage } from './payload.ts';
import type { Call, Rest } from './rest.ts';

/** Chatwoot did not say clearly what it was asked. Codes: `channel_auth`, `channel_not_found`, `channel_unclear`. */
export class ChatwootUnclear extends AppError {}

const messagesPage = z.object({ payload: z.array(restMessageSchema) });

/** With the newest messages that the conversation itself carries, for tokens that may not list messages. */
const shownConversation = z.object({
  ...conversationSchema.shape,
  created_at: instant.nullish(),
  messages: z.array(restMessageSchema).nullish(),
  last_non_activity_message: restMessageSchema.nullish(),
});
export type ShownConversation = z.output<typeof shownConversation>;

const conversationsPage = z.object({ data: z.object({ payload: z.array(shownConversation) }) });

export const conversationPath = (externalId: string): string => `/${encodeURIComponent(externalId)}`;

/** Up to 20 messages, oldest first: the newest, or those before a message. */
export async function readMessages(rest: Rest, at: { conversation: string; before?: number }, signal: AbortSignal): Promise<RestMessage[]> {
  const query = at.before === undefined ? '' : `?before=${at.before}`;
  const path = `${conversationPath(at.conversation)}/messages${query}`;
  const page = await ask(rest, { call: { operation: 'read_messages', path }, schema: messagesPage }, signal);
  return page.payload.sort((a, b) => a.id - b.id);
}

export async function readConversation(rest: Rest, externalId: string, signal: AbortSignal): Promise<ShownConversation> {
  return await ask(rest, { call: { operation: 'read_conversation', path: conversationPath(externalId) }, schema: shownConversation }, signal);
}

/** Up to 25 conversations, latest activity first. Pages start at 1. */
export async function listConversations(rest: Rest, of: { status: string; page: number }, signal: AbortSignal): Promise<ShownConversation[]> {
  const query = new URLSearchParams({ status: of.status, assignee_type: 'all', sort_by: 'last_activity_at_desc', page: String(of.page) });
  const page = await ask(rest, { call: { operation: 'list_conversations', path: `?${query.toString()}` }, schema: conversationsPage }, signal);
  return page.data.payload;
}

/** `pending` gives the conversation to the bot, `open` to people. Uses the bot's token: a person's would assign it to that person. */
export async function setStatus(rest: Rest, to: { externalId: string; status: 'pending' | 'open' }, signal: AbortSignal): Promise<void> {
  const { externalId, status } = to;
  const call: Call = { operation: 'set_status', path: `${conversationPath(externalId)}/toggle_status`, body: { status } };
  await ask(rest, { call, schema: z.unknown() }, signal);
}

/** True for "you may not read this", which a bot's token gets where only people may look. */
export const isForbidden = (error: unknown): error is ChatwootUnclear => error instanceof ChatwootUnclear && error.code === 'channel_auth';

async function ask<S extends z.ZodType>(rest: Rest, question: { call: Call; schema: S }, signal: AbortSignal): Promise<z.output<S>> {
  const { call, schema } = question;
  const reply = await rest(call, signal);
  if (reply.kind !== 'answered') throw new ChatwootUnclear('channel_unclear', `${call.operation}: ${reply.error}`);
  if (reply.status === 401 || reply.status === 403) throw forbidden(call, reply.status);
  if (reply.status === 404) throw new ChatwootUnclear('channel_not_found', `${call.operation}: Chatwoot knows no such conversation`);
  if (reply.status < 200 || reply.status >= 300) throw new ChatwootUnclear('channel_unclear', `${call.operation}: Chatwoot answered ${reply.status}`);
  const data = schema.safeParse(jsonOf(reply.text));
  if (!data.success) throw new ChatwootUnclear('channel_unclear', `${call.operation}: Chatwoot's answer could not be understood${where(data.error)}`);
  return data.data;
}

function forbidden(call: Call, status: number): ChatwootUnclear {
  const fix = call.body ? 'check apiToken' : 'agent bots may not read here: set readToken to the access token of a person who sees the inbox';
  return new ChatwootUnclear('channel_auth', `${call.operation}: Chatwoot answered ${status}; ${fix}`);
}

/** The place in the answer, never what stood there. */
function where(error: z.ZodError): string {
  const path = error.issues[0]?.path.join('.');
  return path ? ` (${path})` : '';
}
