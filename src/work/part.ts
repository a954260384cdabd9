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

/** A part on its way. `writtenAt`: when its last request of ours was written, monotonic ms; null when it was somebody else's. */
export interface PartOf extends TurnOf {
  turn: StoredTurn;
  send: Send;
  writtenAt: number | null;
}

/**
 * What a part leaves to do: the next part, the end of the turn (nothing more of it may be said), its end because a person took
 * over, a wait, or another look at what is stored.
 */
export type PartDone = { kind: 'next' } | { kind: 'stop' } | { kind: 'taken' } | { kind: 'park'; ms: number } | { kind: 'reread' };

/** The store let us write now; asked for at this monotonic ms. */
export interface Go {
  kind: 'go';
  fencedAt: number;
}

/** What asking for a fence came to. */
export function fenced(start: Exclude<Start, 'too_old'>, fencedAt: number): Go | PartDone {
  switch (start) {
    case 'go':
      return { kind: 'go', fencedAt };
    case 'taken':
      return { kind: 'taken' };
    case 'given_up':
      return { kind: 'stop' };
    case 'ended':
      return { kind: 'reread' };
  }
}
