import type { Conversation } from '../domain/conversation.ts';
import type { HistoryEntry, TurnMessage, Usage } from '../domain/turn.ts';

export interface Question {
  conversation: Conversation;
  /** What this turn answers, in the platform's order. */
  messages: TurnMessage[];
  /** Older messages, oldest first, bounded. */
  history: HistoryEntry[];
  /** Two-letter language to answer in when the text does not decide. */
  locale: string;
}

export interface Answer {
  /** Empty: say nothing. */
  text: string;
  model?: string;
  usage?: Usage;
}

/** Produces an answer. Throws {@link ResponderError} (or anything) when it cannot; must stop when the signal aborts. */
export interface Responder {
  readonly name: string;
  respond(question: Question, signal: AbortSignal): Promise<Answer>;
}
