import { createHash } from 'node:crypto';
import { AppError } from './errors.ts';
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

const LONGEST_WINDOW_MS = 31 * 86_400_000;

/** @throws AppError `limit_invalid` that names the field. */
export function assertMarkAsk({ org, hash, windowMs }: MarkAsk): void {
  const texts = { org, hash };
  for (const [field, value] of Object.entries(texts)) {
    if (typeof value !== 'string' || value.length === 0 || value.length > 200) throw new AppError('limit_invalid', `${field} must be a text of 1 to 200 characters`);
  }
  if (Number.isSafeInteger(windowMs) && windowMs >= 1 && windowMs <= LONGEST_WINDOW_MS) return;
  throw new AppError('limit_invalid', `windowMs must be a whole number from 1 to ${LONGEST_WINDOW_MS}, not ${windowMs}`);
}
