import type { Conversations } from './conversations.ts';
import type { DeadLetters, Operations } from './dead-letters.ts';
import type { Ledger } from './ledger.ts';
import type { Mailbox } from './mailbox.ts';
import type { Reports } from './reports.ts';

/** One open database, as the ports it implements. */
export interface Store {
  readonly kind: 'sqlite' | 'postgres' | 'memory';
  readonly mailbox: Mailbox;
  readonly ledger: Ledger;
  readonly conversations: Conversations;
  readonly deadLetters: DeadLetters;
  readonly operations: Operations;
  readonly reports: Reports;
  /** Resolves when the store answers; for readiness. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
