import { createMessage } from './platform.ts';
import type { Platform } from './platform.ts';
import type { Agent, Bot, Conversation, Status } from './world.ts';

/**
 * Chatwoot notes in the conversation who changed its status or took it; no webhook tells of a note.
 * https://github.com/chatwoot/chatwoot/blob/develop/app/models/concerns/activity_message_handler.rb
 */
function note(platform: Platform, conversation: Conversation, content: string): void {
  createMessage(platform, conversation, { type: 'activity', content, sender: null });
}

const NEW_STATUS: Record<Status, string> = {
  open: 'Conversation was reopened by',
  resolved: 'Conversation was marked resolved by',
  pending: 'Conversation was marked as pending by',
  snoozed: 'Conversation was snoozed by',
};

/** Runs what somebody does, then notes what became of the conversation. */
export function noting(platform: Platform, of: { conversation: Conversation; by: Agent | Bot }, act: () => void): void {
  const { conversation, by } = of;
  const { status, assignee } = conversation;
  act();
  if (conversation.status !== status) note(platform, conversation, `${NEW_STATUS[conversation.status]} ${by.name}`);
  if (conversation.assignee === assignee) return;
  if (conversation.assignee === by) note(platform, conversation, `${by.name} self-assigned this conversation`);
  else if (conversation.assignee === null) note(platform, conversation, `Conversation unassigned by ${by.name}`);
  else note(platform, conversation, `Assigned to ${conversation.assignee.name} by ${by.name}`);
}
