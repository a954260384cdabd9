import { cleanText } from '../../domain/message.ts';
import type { TurnMessage } from '../../domain/turn.ts';
import type { Question } from '../../ports/responder.ts';

/** One message of the prompt. Contacts' text is never a system message. */
export interface PromptMessage {
  role: 'user' | 'assistant';
  content: string;
}

const languageNames = new Intl.DisplayNames(['en'], { type: 'language' });

function languageName(locale: string): string {
  try {
    return languageNames.of(locale) ?? 'English';
  } catch (error) {
    // Platforms hand over locales as contacts' browsers wrote them; a malformed one must not cost the answer.
    if (error instanceof RangeError) return 'English';
    throw error;
  }
}

/** The operator's prompt as it is, or a short one of ours. */
export function instructionsFor(system: string | undefined, locale: string): string {
  if (system !== undefined) return system;
  return [
    'You answer the messages of a chat. Be helpful, friendly and brief: a few sentences, plain text.',
    `Answer in the language of the user's last messages; if it is unclear, in ${languageName(locale)}.`,
    'Several messages in a row are one question: answer them together. If you do not know, say so.',
  ].join(' ');
}

/** The past, then what this turn answers. Empty when nothing is left to answer. */
export function messagesFor({ history, messages }: Question): PromptMessage[] {
  const asked = messages.filter(({ withdrawn }) => !withdrawn).map(contentOf).filter((content) => content !== '');
  if (asked.length === 0) return [];
  const past = history.map(({ role, text }) => ({ role, content: cleanText(text) })).filter(({ content }) => content.trim() !== '');
  return [...past, ...asked.map((content) => ({ role: 'user' as const, content }))];
}

/** The text, and a mention of each attachment: the model should know that there is one, even if it cannot see it. */
function contentOf({ text, attachments }: TurnMessage): string {
  const mentions = attachments.map(({ type, name }) => (name ? `[${type}: ${name}]` : `[${type}]`));
  return cleanText([text.trim(), ...mentions].filter((line) => line !== '').join('\n'));
}
