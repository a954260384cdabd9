import type { MessageId, TurnId } from './ids.ts';
import type { DeadReason } from './message.ts';

/** `answer` is the responder's; `apology` is the short friendly text that ends a dead job; `notice` answers nothing. */
export type TurnKind = 'answer' | 'apology' | 'notice';

/** `sending` means that the platform may show it already. `unknown` is final: nobody can tell. */
export type SendState = 'planned' | 'sending' | 'sent' | 'failed' | 'unknown' | 'cancelled';

/** One part of a stored reply. */
export interface Send {
  part: number;
  state: SendState;
  /** What the platform gets to recognise a repeated send, or what we look for when we read back. Stable for ever. */
  key: string;
  text: string;
  tries: number;
  /** Some try may have been accepted without our knowing. Never cleared. */
  ambiguous: boolean;
}

/** A stored reply. Its members are frozen: recovery delivers it for exactly these jobs. */
export interface StoredTurn {
  id: TurnId;
  kind: TurnKind;
  ownerEpoch: number;
  /** Sequence numbers of its jobs. */
  members: number[];
  sends: Send[];
  /** Why the jobs of an apology die. */
  deadReason: DeadReason | null;
}

/** Tokens as the provider counted them. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
}

/** A reply to be stored. */
export interface Reply {
  kind: TurnKind;
  /** One text per part, in order. None: the responder chose to say nothing. */
  parts: string[];
  /** Who produced it: `model`, `script`, a function's name, `catalogue` for an apology. */
  responder: string;
  model?: string;
  usage?: Usage;
  /** With an apology: why its jobs die. */
  deadReason?: DeadReason;
  error?: string;
}

export const sendKey = (turn: TurnId, part: number): string => `${turn}-${part}`;

/** The part that a key names, or null when it is none of ours. */
export function sendAddress(key: string): { turnId: TurnId; part: number } | null {
  const match = /^(turn_[0-9a-z]+)-([0-9]{1,4})$/.exec(key);
  return match ? { turnId: match[1] as TurnId, part: Number(match[2]) } : null;
}

/** One message of the conversation as the responder gets it. */
export interface HistoryEntry {
  role: 'user' | 'assistant';
  text: string;
  at: number;
}

export interface TurnMessage {
  id: MessageId;
  seq: number;
  externalId: string;
  author: string;
  text: string;
  attachments: { type: string; url?: string; name?: string }[];
  sentAt: number;
  withdrawn: boolean;
}
