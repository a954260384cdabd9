import type { RestMessage } from './payload.ts';
import { writerOf } from './writer.ts';
import type { Writer } from './writer.ts';

/** A message and who wrote it. */
export interface Written {
  message: RestMessage;
  writer: Writer;
}

export const written = (messages: RestMessage[]): Written[] =>
  messages.toSorted((a, b) => a.id - b.id).map((message) => ({ message, writer: writerOf(message) }));

const isBots = ({ writer }: Written): boolean => writer.kind === 'ours' || writer.kind === 'bot';

/** The newest answer of a person that no bot's answer follows: where the bot spoke again, it had the conversation back. */
export function standingHumanReply(past: Written[]): RestMessage | null {
  const last = past.findLast((one) => one.writer.kind === 'human' || isBots(one));
  return last?.writer.kind === 'human' ? last.message : null;
}

/** Chatwoot notes every change of status as an activity message, in words only; any of them may be a return to the bot. */
export const activityAfter = (past: Written[], id: number): boolean =>
  past.some(({ message, writer }) => message.id > id && writer.kind === 'nobody' && writer.name === 'activity');

export const botSpoke = (past: Written[]): boolean => past.some(isBots);

/**
 * How long after the fact a reply of ours may hide a message that never reached us. A turn cut short by a crash is answered right after
 * the restart, and its reply then stands after messages sent meanwhile.
 */
const REPLY_WINDOW_MS = 6 * 3_600_000;

/** True for a message before which nothing can be missing: a person or another bot dealt with it, or a reply of ours long ago. */
export function settles({ message, writer }: Written, now: number): boolean {
  if (writer.kind === 'human' || writer.kind === 'bot') return true;
  return writer.kind === 'ours' && message.created_at < now - REPLY_WINDOW_MS;
}

/** The contact's messages that may have been missed, oldest first. */
export function unsettled(past: Written[], now: number): RestMessage[] {
  const from = past.findLastIndex((one) => settles(one, now)) + 1;
  return past.slice(from).flatMap(({ message, writer }) => (writer.kind === 'contact' ? [message] : []));
}
