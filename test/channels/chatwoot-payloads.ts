import { createHmac } from 'node:crypto';
import type { RawDelivery } from '../../src/ports/channel.ts';

export type Json = Record<string, unknown>;

export const SECRET = 'wh-secret';
export const NOW = Date.parse('2026-11-20T10:00:00.000Z');

/** As Rails writes JSON: these five never stand in it literally. */
export const rails = (value: unknown): string =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const delivery = (body: Uint8Array, headers: RawDelivery['headers'] = {}, pathSecret: string | null = null): RawDelivery => ({
  body,
  headers,
  pathSecret,
  receivedAt: NOW,
});

export function signed(body: Uint8Array, at = NOW / 1000, secret = SECRET): RawDelivery['headers'] {
  const hex = createHmac('sha256', secret).update(`${at}.`).update(body).digest('hex');
  return { 'x-chatwoot-timestamp': String(at), 'x-chatwoot-signature': `sha256=${hex}`, 'x-chatwoot-delivery': 'b3f1' };
}

const ACCOUNT = { id: 1, name: 'Acme' };
const CONTACT = {
  account: ACCOUNT,
  additional_attributes: {},
  avatar: '',
  blocked: false,
  custom_attributes: {},
  email: null,
  id: 77,
  identifier: null,
  name: 'Ana',
  phone_number: null,
  thumbnail: '',
};
export const AGENT = { id: 5, name: 'Luis', email: 'luis@example.com', type: 'user' };
export const BOT = { id: 9, name: 'Bot', type: 'agent_bot' };

/** The conversation of a webhook. `messages` names another message than the event's, as it may in reality. */
export const conversation = (over: Json = {}): Json => ({
  additional_attributes: { browser_language: 'es-AR' },
  can_reply: true,
  channel: 'Channel::WebWidget',
  contact_inbox: { id: 3, contact_id: 77, inbox_id: 2, source_id: 'abc', hmac_verified: false, pubsub_token: 't' },
  id: 31,
  inbox_id: 2,
  messages: [{ id: 999_999, message_type: 1, content: 'another one', created_at: 1, sender_type: 'User', content_attributes: {} }],
  labels: [],
  meta: { sender: { ...CONTACT, type: 'contact' }, assignee: null, assignee_type: null, team: null, hmac_verified: false },
  status: 'pending',
  custom_attributes: {},
  snoozed_until: null,
  unread_count: 1,
  first_reply_created_at: null,
  priority: null,
  waiting_since: 0,
  agent_last_seen_at: 0,
  contact_last_seen_at: 0,
  last_activity_at: NOW / 1000,
  timestamp: NOW / 1000,
  created_at: NOW / 1000 - 60,
  updated_at: NOW / 1000 + 0.25,
  account: ACCOUNT,
  ...over,
});

export const assignedTo = (assignee: Json, assigneeType: string | null, over: Json = {}): Json =>
  conversation({ meta: { sender: { ...CONTACT, type: 'contact' }, assignee, assignee_type: assigneeType, team: null }, ...over });

/** `message_created` of a contact, unless told otherwise. */
export const message = (over: Json = {}, talk: Json = conversation()): Json => ({
  account: ACCOUNT,
  additional_attributes: {},
  content_attributes: {},
  content_type: 'text',
  content: 'Where is my <order> & when?',
  conversation: talk,
  created_at: '2026-11-20T09:59:58.123Z',
  id: 4711,
  inbox: { id: 2, name: 'Web' },
  message_type: 'incoming',
  private: false,
  sender: CONTACT,
  source_id: null,
  event: 'message_created',
  ...over,
});

export const outgoing = (over: Json = {}, talk?: Json): Json => message({ message_type: 'outgoing', sender: AGENT, ...over }, talk);

export const blockedContact: Json = { ...CONTACT, blocked: true };

/** A conversation event: the conversation's keys at the root. */
export const changed = (event: string, changes: unknown, talk: Json = conversation()): Json => ({ ...talk, event, changed_attributes: changes });

export const change = (key: string, from: unknown, to: unknown): Json => ({ [key]: { previous_value: from, current_value: to } });
