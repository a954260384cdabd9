import { isAssignmentTo, statusIn } from './activity.ts';
import type { RestMessage } from './payload.ts';
import { CLOCKS_APART_MS, madeAt } from './turn-time.ts';
import { writerOf } from './writer.ts';
import type { Writer } from './writer.ts';

/** A message and who wrote it. */
export interface Written {
  message: RestMessage;
  writer: Writer;
}

export const written = (messages: RestMessage[]): Written[] =>
  messages.toSorted((a, b) => a.id - b.id).map((message) => ({ message, writer: writerOf(message) }));

/** The words of a note of Chatwoot's own, or null. */
function noteOf({ message, writer }: Written): string | null {
  return writer.kind === 'nobody' && writer.name === 'activity' ? (message.content ?? '').trim() : null;
}

/** The newest answer of a person. */
export const lastReply = (past: Written[]): RestMessage | null => past.findLast(({ writer }) => writer.kind === 'human')?.message ?? null;

/** The newest note of the conversation's assignment to this person. */
export function lastAssignment(past: Written[], name: string): RestMessage | null {
  const isIt = (note: string | null): boolean => note !== null && isAssignmentTo(name, note);
  return past.findLast((one) => isIt(noteOf(one)))?.message ?? null;
}

/**
 * The newest note of the conversation being resolved or set to pending, unless somebody reopened it since. Any other note (a label, a
 * priority) is no return to the bot.
 */
export function lastGiveBack(past: Written[]): RestMessage | null {
  const stated = past.findLast((one) => statusIn(noteOf(one) ?? '') !== null);
  return stated && statusIn(noteOf(stated) ?? '') === 'given_back' ? stated.message : null;
}

/**
 * True when the bot composed an answer later than `at` (UTC ms of Chatwoot's clock): it had the conversation then. An answer that was under
 * way already proves nothing, wherever it landed.
 */
export const spokeSince = (past: Written[], at: number): boolean =>
  past.some(({ writer }) => writer.kind === 'ours' && (madeAt(writer.key) ?? -Infinity) > at + CLOCKS_APART_MS);

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
