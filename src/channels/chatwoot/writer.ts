/** Name of our key in `content_attributes`: what a reply carries, and what tells it from everybody else's. */
export const MARKER = 'chasqui';

/** Who is behind a message. */
export type Writer =
  | { kind: 'contact' }
  /** This bot, whatever token it used: the message carries our marker. */
  | { kind: 'ours'; key: string }
  /** A person answering the contact, from the dashboard or from the phone's own app. */
  | { kind: 'human' }
  /** Another bot. */
  | { kind: 'bot' }
  /** Nobody the contact talks to: notes, greetings, automations, activity. */
  | { kind: 'nobody'; name: string };

/** The fields of a message that tell, from a webhook or from REST. */
export interface Traces {
  message_type: string | number;
  private?: boolean | null | undefined;
  content_attributes?: Record<string, unknown> | null | undefined;
  additional_attributes?: Record<string, unknown> | null | undefined;
  sender?: { type?: string | null | undefined } | null | undefined;
  sender_type?: string | null | undefined;
}

const NUMBERED = ['incoming', 'outgoing', 'activity', 'template'];

/**
 * Tells who wrote a message. Chatwoot's own rule for a person's answer (`Message#human_response?`): outgoing, not private, from a user
 * or echoed from a native app, and neither an automation's nor a campaign's.
 * https://github.com/chatwoot/chatwoot/blob/develop/app/models/message.rb
 */
export function writerOf(message: Traces): Writer {
  const type = typeof message.message_type === 'number' ? NUMBERED[message.message_type] : message.message_type;
  if (type === 'incoming') return { kind: 'contact' };
  if (type !== 'outgoing') return { kind: 'nobody', name: type === 'template' || type === 'activity' ? type : 'unknown_message_type' };
  if (message.private) return { kind: 'nobody', name: 'private_note' };
  return outgoing(message);
}

function outgoing(message: Traces): Writer {
  const content = message.content_attributes ?? {};
  const key = content[MARKER];
  if (typeof key === 'string' && key !== '' && key.length <= 200) return { kind: 'ours', key };
  if (content.automation_rule_id) return { kind: 'nobody', name: 'automation' };
  if (message.additional_attributes?.campaign_id) return { kind: 'nobody', name: 'campaign' };
  if (content.external_echo) return { kind: 'human' };
  const sender = (message.sender?.type ?? message.sender_type ?? '').toLowerCase();
  if (sender === 'user') return { kind: 'human' };
  if (/bot|captain/.test(sender)) return { kind: 'bot' };
  return { kind: 'nobody', name: 'outgoing_without_writer' };
}
