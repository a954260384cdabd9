import { languageOf } from '../domain/catalogue/index.ts';
import type { HistoryEntry, TurnMessage } from '../domain/turn.ts';
import type { Question } from '../ports/responder.ts';
import type { TurnOf } from './part.ts';

/** Characters of history a responder gets at the most, the newest kept. */
const MAX_HISTORY_CHARS = 24_000;

/** The contact's language, or the text's, or the channel's. */
export function localeOf(turnOf: TurnOf, messages: { text: string }[]): string {
  const { conversation, policy } = turnOf;
  return conversation.locale ?? languageOf(messages.map((message) => message.text).join('\n'), policy.locale);
}

/** The newest entries that fit. */
function bounded(history: HistoryEntry[]): HistoryEntry[] {
  let chars = 0;
  const tooMuch = history.findLastIndex((entry) => (chars += entry.text.length) > MAX_HISTORY_CHARS);
  return history.slice(tooMuch + 1);
}

/** Platform ids grow with time where they are numbers; otherwise the order of arrival stands. */
function inPlatformOrder(messages: TurnMessage[]): TurnMessage[] {
  const numeric = messages.every((message) => /^[0-9]{1,15}$/.test(message.externalId));
  return numeric ? messages.toSorted((a, b) => Number(a.externalId) - Number(b.externalId)) : messages;
}

/** What the responder is asked. */
export function questionOf(turnOf: TurnOf, said: { messages: TurnMessage[]; history: HistoryEntry[] }): Question {
  return {
    conversation: turnOf.conversation,
    messages: inPlatformOrder(said.messages),
    history: bounded(said.history),
    locale: localeOf(turnOf, said.messages),
  };
}
