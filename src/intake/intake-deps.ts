import type { Clock } from '../domain/clock.ts';
import type { LaneId, NewId } from '../domain/ids.ts';
import type { Verdict } from '../domain/verdict.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Limiter } from '../ports/limiter.ts';
import type { Mailbox } from '../ports/mailbox.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export interface IntakeDeps {
  mailbox: Pick<Mailbox, 'append' | 'amend'>;
  conversations: Pick<Conversations, 'setOwner'>;
  ledger: Pick<Ledger, 'recordSent'>;
  limiter: Pick<Limiter, 'check'>;
  newId: NewId;
  clock: Clock;
  telemetry: Telemetry;
  /** Told of each message that was judged. */
  judged(verdict: Verdict): void;
  /** Hints, after the commit, that a lane has work which may run in `inMs`. */
  wake(laneId: LaneId, inMs: number): void;
}
