import { createHash } from 'node:crypto';
import type { Attachment } from './message.ts';

/** What makes two messages the same. */
export interface Said {
  orgId: string;
  channelId: string;
  /** The platform's names of the conversation and of the sender. */
  conversation: string;
  author: string;
  text: string;
  attachments?: readonly Attachment[];
}

/** Whether a message repeats another one, and who remembered. `hash` names the message without showing it. */
export interface Duplicate {
  isDuplicate: boolean;
  hash: string;
  source: 'redis' | 'postgres' | 'memory';
}

/** SHA-256 of what makes a message the same, as 64 hexadecimal digits. Never the same for two orgs. */
export function messageHash({ orgId, channelId, conversation, author, text, attachments = [] }: Said): string {
  const files = attachments.map(({ type, url, name }) => [type, url ?? null, name ?? null]);
  return createHash('sha256').update(JSON.stringify([orgId, channelId, conversation, author, text, files])).digest('hex');
}

/** A mark to look for, and to leave. */
export interface MarkAsk {
  org: string;
  /** {@link messageHash} of the message, or any name of what must not come twice. */
  hash: string;
  /** How long it counts, ms. */
  windowMs: number;
}
