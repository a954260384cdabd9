import { instantPrefix } from '../../src/domain/ids.ts';
import { json } from './chatwoot-bench.ts';
import type { Answerer, Sent } from './chatwoot-bench.ts';
import { AGENT, BOT, NOW } from './chatwoot-payloads.ts';
import type { Json } from './chatwoot-payloads.ts';

/** Seconds before the tests' present. */
export const ago = (seconds: number) => NOW / 1000 - seconds;

/** Messages as `GET …/messages` writes them: numeric types, epoch seconds. */
export const rest = (id: number, over: Json = {}): Json => ({
  id,
  content: `text ${id}`,
  inbox_id: 2,
  conversation_id: 31,
  message_type: 0,
  content_type: 'text',
  status: 'sent',
  content_attributes: {},
  created_at: ago(1000 - id),
  private: false,
  source_id: null,
  sender: { id: 77, name: 'Ana', type: 'contact' },
  ...over,
});
export const contact = rest;
export const ours = (id: number, key = `turn_${id}-0`, over: Json = {}) =>
  rest(id, { message_type: 1, sender: BOT, content_attributes: { chasqui: key }, ...over });
export const otherBot = (id: number) => rest(id, { message_type: 1, sender: BOT });
export const human = (id: number, over: Json = {}) => rest(id, { message_type: 1, sender: AGENT, ...over });
export const note = (id: number) => human(id, { private: true });
/** A note of Chatwoot's own. */
export const activity = (id: number, content = 'Luis added billing') => rest(id, { message_type: 2, sender: undefined, content });
export const resolved = (id: number) => activity(id, 'Conversation was marked resolved by Luis');
/** The key of a part whose turn was made so many seconds before the tests' present. */
export const keyAt = (secondsAgo: number, part = 0) => `turn_${instantPrefix(ago(secondsAgo) * 1000)}00000000000-${part}`;
export const greeting = (id: number) => rest(id, { message_type: 3, sender: undefined });

export const shown = (over: Json = {}): Json => ({
  id: 31,
  inbox_id: 2,
  status: 'pending',
  meta: { sender: { id: 77, name: 'Ana' }, channel: 'Channel::WebWidget', hmac_verified: false },
  messages: [],
  last_non_activity_message: null,
  additional_attributes: {},
  first_reply_created_at: 0,
  created_at: ago(9000),
  updated_at: ago(0.5),
  last_activity_at: ago(5),
  timestamp: ago(5),
  ...over,
});
export const assigned = (assignee: Json) => shown({ status: 'open', meta: { sender: { id: 77 }, assignee } });

export const FORBIDDEN = { error: 'Access to this endpoint is not authorized for bots' };

/** A Chatwoot with one conversation. `bot`: the reading token is the bot's, which may not list. */
export function chatwoot(talk: Json, messages: Json[], access: 'person' | 'bot' | 'old_bot' = 'person'): Answerer {
  return ({ url, method }: Sent) => {
    const path = url.pathname.replace('/api/v1/accounts/1/conversations', '');
    if (method === 'POST') return path === '/31/toggle_status' ? json({ payload: { success: true } }) : json({}, 404);
    if (path === '/31') return access === 'old_bot' ? json(FORBIDDEN, 401) : json(talk);
    if (access !== 'person') return json(FORBIDDEN, 401);
    const before = Number(url.searchParams.get('before') ?? Infinity);
    if (path === '/31/messages') return json({ meta: {}, payload: messages.filter(({ id }) => Number(id) < before).slice(-20) });
    return json({}, 404);
  };
}

export const range = (from: number, to: number, make: (id: number) => Json) => Array.from({ length: to - from + 1 }, (_, i) => make(from + i));
