import type { Conversation } from '../domain/conversation.ts';
import type { Send, StoredTurn } from '../domain/turn.ts';
import type { Start } from '../ports/ledger.ts';
import type { Hold, TurnPolicy, Work } from './deps.ts';

/** One conversation's turn in hand. */
export interface TurnOf {
  work: Work;
  hold: Hold;
  policy: TurnPolicy;
  conversation: Conversation;
  /** When it was taken in hand, monotonic ms. */
  startedAt: number;
}

/** A part on its way. */
export interface PartOf extends TurnOf {
  turn: StoredTurn;
  send: Send;
}

/**
 * What a part leaves to do: the next part, the end of the turn (nothing more of it may be said), its end because a person took
 * over, a wait, or another look at what is stored.
 */
export type PartDone = { kind: 'next' } | { kind: 'stop' } | { kind: 'taken' } | { kind: 'park'; ms: number } | { kind: 'reread' };

/** The part should be written: this asks the store for the fence. */
export interface Ask {
  kind: 'ask';
  fence(): Promise<Start>;
}

/** Names one try of a part. */
export const tryKey = (part: PartOf): string => `${part.send.key}#${part.send.tries}`;
