import { AppError, ResponderError } from '../../domain/errors.ts';
import { cleanText } from '../../domain/message.ts';
import type { Answer, Question, Responder } from '../../ports/responder.ts';

/** Your own code as a responder. A string is the whole answer; an empty one says nothing. */
export type AnswerFunction = (question: Question, signal: AbortSignal) => Promise<string | Answer> | string | Answer;

/**
 * Makes a responder of a function. What the function throws counts as a failed attempt; throw a {@link ResponderError}
 * with `retryAfterMs` to ask for a pause. When the signal aborts, the turn goes on without waiting for a function that
 * does not listen to it.
 *
 * @param name Shown in the journey of a message.
 * @throws AppError `responder_invalid` for an empty name. The responder itself throws ResponderError
 *   `function_bad_answer` when the function returns neither a string nor `{ text }`.
 */
export function fromFunction(name: string, fn: AnswerFunction): Responder {
  if (name.trim() === '') throw new AppError('responder_invalid', 'fromFunction: name is empty; give the responder a name');
  return {
    name,
    async respond(question, signal): Promise<Answer> {
      signal.throwIfAborted();
      return checked(name, await unlessAborted(Promise.resolve(fn(question, signal)), signal));
    },
  };
}

function checked(name: string, result: unknown): Answer {
  const answer = typeof result === 'string' ? { text: result } : result;
  if (isAnswer(answer)) return { ...answer, text: cleanText(answer.text) };
  throw new ResponderError('function_bad_answer', `the function ${name} returned neither a string nor { text: string }`);
}

const isAnswer = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string';

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', abort));
}
