import type { TurnId } from '../domain/ids.ts';
import type { Lease } from '../domain/lane.ts';
import type { DeadReason, Ending } from '../domain/message.ts';
import type { Reply, StoredTurn } from '../domain/turn.ts';

export interface PlanRequest {
  turnId: TurnId;
  seqs: number[];
  reply: Reply;
}

/** What starting a part, or sending it again, came to. */
export type Start =
  /** Write it now: the fence is fresh. */
  | 'go'
  /** A person owns the conversation: end the turn with `close`. */
  | 'taken'
  /** Its tries are used up: it is `failed` (or `unknown`, when some try may have landed). */
  | 'given_up'
  /** Too long since the first try for the platform to recognise the key: read back instead. */
  | 'too_old'
  /** Somebody recorded its fate meanwhile. */
  | 'ended';

export type PartEnd =
  /** Certainly not shown; try again after `inMs`. */
  | { state: 'planned'; retryInMs: number; error: string }
  /** Certainly not shown, and never will be. */
  | { state: 'failed'; error: string; reason: DeadReason }
  /** It may have been shown, and nobody can tell. */
  | { state: 'unknown'; error: string }
  /** It may have been shown; still `sending`. Wait and resolve. */
  | { state: 'ambiguous'; error: string };

export interface Settled {
  ending: Ending;
  reason: string;
}

/**
 * The send ledger: what was decided to say, and what became of each part. Methods with a lease throw
 * {@link LeaseLost} when fenced off; {@link Ledger.recordSent} takes none, because a fact is true whoever learns it.
 */
export interface Ledger {
  /**
   * Stores the reply and freezes its members, in one transaction with the last look at the owner. Withdrawn members end.
   * Null when nothing is left to say: a person took over, or every member was withdrawn.
   */
  plan(lease: Lease, request: PlanRequest): Promise<StoredTurn | null>;
  /**
   * Moves a part from `planned` to `sending`, unless a person owns the conversation or its tries are used up: all `maxTries` of them, and
   * `patienceMs` since the first (default 0).
   */
  startPart(lease: Lease, at: { turnId: TurnId; part: number; maxTries: number; patienceMs?: number }): Promise<Start>;
  /** Fences a further try of a part in `sending`. `withinMs`: only so long after the first try. */
  resend(lease: Lease, at: { turnId: TurnId; part: number; maxTries: number; withinMs?: number }): Promise<Start>;
  /** The platform shows the part. Adds it to the conversation's history. Unfenced. */
  recordSent(at: { turnId: TurnId; part: number; providerId: string | null }): Promise<void>;
  endPart(lease: Lease, at: { turnId: TurnId; part: number; end: PartEnd }): Promise<void>;
  /** Ends the turn by what became of its parts, and its jobs and messages with it. */
  settle(lease: Lease, turnId: TurnId): Promise<Settled>;
  /** A person took over: open parts are cancelled (`sending` becomes `unknown`), the messages are handed off. */
  close(lease: Lease, turnId: TurnId): Promise<Settled>;
}
