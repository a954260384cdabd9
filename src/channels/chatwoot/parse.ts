import type { z } from 'zod';
import type { InboundEvent, RawDelivery, Refusal } from '../../ports/channel.ts';
import { CONVERSATION_EVENTS, changedConversation } from './conversation-event.ts';
import { createdMessage, updatedMessage } from './message-event.ts';
import type { ChatwootSettings } from './options.ts';
import { conversationEventSchema, envelopeSchema, messageEventSchema } from './payload.ts';

/** Sent by some kind of webhook, of no consequence to us. */
const OF_NO_CONSEQUENCE = new Set([
  'conversation_created',
  'conversation_typing_on',
  'conversation_typing_off',
  'contact_created',
  'contact_updated',
  'inbox_created',
  'inbox_updated',
  'webwidget_triggered',
]);

type Scope = Pick<ChatwootSettings, 'accountId' | 'inboxIds'>;
type Read<T> = { data: T } | Refusal;

/**
 * Verified bytes to events. Never throws. A refusal (400) names the field: Chatwoot then opens the conversation to people, so only what
 * cannot be understood is refused; what is merely unknown is ignored under a bounded set of names.
 */
export function parseWebhook(scope: Scope, delivery: RawDelivery): InboundEvent[] | Refusal {
  const json = readJson(delivery.body);
  if ('status' in json) return json;
  const envelope = read(envelopeSchema, json.data);
  if ('status' in envelope) return envelope;
  const { event, account } = envelope.data;
  if (account && String(account.id) !== scope.accountId) return [{ kind: 'ignored', name: 'other_account' }];
  if (event === 'message_created' || event === 'message_updated') return parseMessage(event, json.data, scope);
  if (CONVERSATION_EVENTS.includes(event)) return parseConversation(event, json.data, { scope, receivedAt: delivery.receivedAt });
  return [{ kind: 'ignored', name: OF_NO_CONSEQUENCE.has(event) ? event : 'unknown_event' }];
}

function parseMessage(name: 'message_created' | 'message_updated', json: unknown, scope: Scope): InboundEvent[] | Refusal {
  const event = read(messageEventSchema, json);
  if ('status' in event) return event;
  if (isElsewhere(scope, event.data.inbox?.id ?? event.data.conversation.inbox_id)) return [{ kind: 'ignored', name: 'other_inbox' }];
  return name === 'message_created' ? createdMessage(event.data) : updatedMessage(event.data);
}

function parseConversation(name: string, json: unknown, context: { scope: Scope; receivedAt: number }): InboundEvent[] | Refusal {
  const event = read(conversationEventSchema, json);
  if ('status' in event) return event;
  if (isElsewhere(context.scope, event.data.inbox_id)) return [{ kind: 'ignored', name: 'other_inbox' }];
  return changedConversation(name, event.data, context.receivedAt);
}

/** True when the bot is not connected to the inbox. */
export function isElsewhere(scope: Pick<ChatwootSettings, 'inboxIds'>, inboxId: number | null | undefined): boolean {
  return Boolean(scope.inboxIds && inboxId && !scope.inboxIds.includes(inboxId));
}

function readJson(body: Uint8Array): Read<unknown> {
  try {
    return { data: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) };
  } catch {
    return { status: 400, code: 'body_not_json', detail: 'the body must be JSON in UTF-8' };
  }
}

function read<S extends z.ZodType>(schema: S, json: unknown): Read<z.output<S>> {
  const result = schema.safeParse(json);
  if (result.success) return { data: result.data };
  const issue = result.error.issues[0];
  return { status: 400, code: 'body_invalid', detail: `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'is wrong'}` };
}
