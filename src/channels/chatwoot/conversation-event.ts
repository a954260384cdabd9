import type { InboundEvent } from '../../ports/channel.ts';
import { hasHumanAssignee } from './payload.ts';
import type { ConversationEvent } from './payload.ts';

/** Events whose root is a conversation. The first two are the old names, still sent. */
export const CONVERSATION_EVENTS = ['conversation_opened', 'conversation_resolved', 'conversation_status_changed', 'conversation_updated'];

/** `undefined` where an attribute did not change. */
interface Changes {
  status: unknown;
  assignee: unknown;
  assignedBot: unknown;
}

/**
 * What a change of a conversation says about its owner.
 *
 * Becoming `open` is not a takeover by itself: Chatwoot does it when a bot's webhook fails. It is one with a person assigned. The next
 * message of an open conversation carries the doubt. `resolved` gives the conversation back: the contact's next message reopens it as `pending`.
 */
export function changedConversation(name: string, event: ConversationEvent, receivedAt: number): InboundEvent[] {
  const verdict = verdictOf(changesOf(name, event), event);
  if (!verdict) return [{ kind: 'ignored', name }];
  if (verdict.owner === null) return [{ kind: 'ignored', name: verdict.why }];
  const at = event.updated_at ?? event.last_activity_at ?? receivedAt;
  return [{ kind: 'owner', conversation: String(event.id), owner: verdict.owner, at, why: verdict.why }];
}

type Verdict = { owner: 'human' | 'bot' | null; why: string } | null;

function verdictOf(changes: Changes, event: ConversationEvent): Verdict {
  if (isSet(changes.assignee)) return { owner: 'human', why: 'assigned' };
  if (changes.status !== undefined) return verdictOnStatus(changes.status, event);
  if (isSet(changes.assignedBot)) return { owner: 'bot', why: 'assigned_to_bot' };
  if (changes.assignee === null && event.status === 'pending') return { owner: 'bot', why: 'unassigned' };
  return null;
}

const isSet = (value: unknown): boolean => value !== undefined && value !== null;

function verdictOnStatus(status: unknown, event: ConversationEvent): Verdict {
  if (status === 'pending') return { owner: 'bot', why: 'given_back' };
  if (status === 'resolved') return { owner: 'bot', why: 'resolved' };
  if (status === 'snoozed') return { owner: 'human', why: 'snoozed' };
  if (status !== 'open') return null;
  return hasHumanAssignee(event) ? { owner: 'human', why: 'assigned' } : { owner: null, why: 'opened_without_human' };
}

function changesOf(name: string, event: ConversationEvent): Changes {
  const list = event.changed_attributes ?? [];
  const changed = new Map((Array.isArray(list) ? list : [list]).flatMap((one) => Object.entries(one)));
  const current = (key: string) => (changed.has(key) ? currentOf(changed.get(key)) : undefined);
  const stated = name === 'conversation_updated' ? undefined : event.status;
  const bot = current('assignee_agent_bot_id');
  return { status: current('status') ?? stated, assignee: current('assignee_id'), assignedBot: bot };
}

function currentOf(change: unknown): unknown {
  if (typeof change !== 'object' || change === null || !('current_value' in change)) return undefined;
  return change.current_value;
}
