import type { BreakerBoard } from './breaker-board.ts';
import type { Conversations } from './conversations.ts';
import type { Controls } from './controls.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Jobs } from './jobs.ts';
import type { Lanes } from './lanes.ts';
import type { Ledger } from './ledger.ts';
import type { Mailbox } from './mailbox.ts';
import type { Operations } from './operations.ts';
import type { Reports } from './reports.ts';

/** One open database, as the ports it implements. */
export interface Store {
  readonly kind: 'sqlite' | 'postgres' | 'memory';
  readonly mailbox: Mailbox;
  readonly ledger: Ledger;
  readonly conversations: Conversations;
  readonly deadLetters: DeadLetters;
  readonly operations: Operations;
  readonly jobs: Jobs;
  readonly reports: Reports;
  readonly lanes: Lanes;
  readonly controls: Controls;
  readonly breakers: BreakerBoard;
  /** Resolves when the store answers; for readiness. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
