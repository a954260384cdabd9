/** The offline responder: deterministic, in the languages of the catalogue, good enough to show the whole pipeline. */
import { languageOf, say } from '../../domain/catalogue/index.ts';
import type { Clock } from '../../domain/clock.ts';
import { ResponderError } from '../../domain/errors.ts';
import { cleanText } from '../../domain/message.ts';
import type { TurnMessage } from '../../domain/turn.ts';
import type { Answer, Question, Responder } from '../../ports/responder.ts';
import { ANSWERS, asksFor, topicsOf } from './topics.ts';
import type { Topic } from './topics.ts';

export interface ScriptDeps {
  clock: Clock;
}

export interface ScriptOptions {
  /** How long a message that says "slow" makes it wait, ms. Default 5,000. */
  slowMs?: number;
}

/** How much of a message is repeated back. */
const QUOTE_LENGTH = 60;

/**
 * Answers from a fixed script. The same question always gets the same answer. Three words show the pipeline at work:
 * `slow` (or `lento`) waits on the clock, `fail` (`falla`) throws, `long` (`largo`) answers in several paragraphs.
 *
 * @throws ResponderError `script_asked_to_fail` for a message that says so; the signal's reason when it aborts while waiting.
 */
export function createScriptResponder(options: ScriptOptions, deps: ScriptDeps): Responder {
  const slowMs = options.slowMs ?? 5_000;
  return {
    name: 'script',
    async respond(question, signal): Promise<Answer> {
      signal.throwIfAborted();
      const messages = question.messages.filter((message) => !message.withdrawn);
      if (asked(messages, 'fail')) throw new ResponderError('script_asked_to_fail', 'the message asked the script to fail');
      const slow = asked(messages, 'slow');
      if (slow) await deps.clock.sleep(slowMs, signal);
      return { text: cleanText(compose(question, messages, slow ? slowMs : 0)) };
    },
  };
}

const asked = (messages: TurnMessage[], trick: 'slow' | 'fail' | 'long'): boolean =>
  messages.some((message) => asksFor(trick, message.text));

function compose(question: Question, messages: TurnMessage[], waitedMs: number): string {
  const language = languageOfTurn(question, messages);
  const paragraphs: string[] = [];
  if (messages.length > 1) paragraphs.push(together(messages, language));
  if (waitedMs > 0) paragraphs.push(say('script_slow', language, { seconds: waitedMs / 1_000 }));
  paragraphs.push(...answers(messages, language, question.history.length > 0));
  if (asked(messages, 'long')) paragraphs.push(say('script_long', language));
  return paragraphs.join('\n\n');
}

/** What the messages tell, else what the contact wrote before, else the question's locale. */
function languageOfTurn(question: Question, messages: TurnMessage[]): string {
  const earlier = question.history.filter(({ role }) => role === 'user').map(({ text }) => text);
  const habit = languageOf(earlier.join('\n'), question.locale);
  return languageOf(messages.map(({ text }) => text).join('\n'), habit);
}

function together(messages: TurnMessage[], language: string): string {
  const words = say('numbers', language).split('|');
  const list = messages.map((message) => (message.text.trim() ? `"${quote(message.text)}"` : say('script_file', language)));
  return say('script_together', language, { count: words[messages.length] ?? messages.length, list: list.join(', ') });
}

/** One paragraph for each thing asked, in the order of the messages, none said twice. */
function answers(messages: TurnMessage[], language: string, known: boolean): string[] {
  const said = new Set<string>();
  for (const message of messages) {
    for (const paragraph of answersTo(message, language, known)) said.add(paragraph);
  }
  return [...said];
}

function answersTo(message: TurnMessage, language: string, known: boolean): string[] {
  if (message.text.trim() === '') return message.attachments.length > 0 ? [say('script_attachment', language)] : [say('script_help', language)];
  if (asksFor('slow', message.text) || asksFor('long', message.text)) return [];
  const topics = topicsOf(message.text);
  if (topics.length === 0) return [say('script_unknown', language, { text: quote(message.text) })];
  return topics.map((topic) => answerTo(topic, language, known));
}

function answerTo(topic: Topic, language: string, known: boolean): string {
  if (topic === 'greeting') return say(known ? 'script_hello_again' : 'script_welcome', language);
  return say(ANSWERS[topic], language);
}

function quote(text: string): string {
  const line = [...text.replaceAll(/\s+/g, ' ').trim()];
  return line.length > QUOTE_LENGTH ? `${line.slice(0, QUOTE_LENGTH - 1).join('')}…` : line.join('');
}
