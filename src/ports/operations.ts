import type { OperationId } from '../domain/ids.ts';

/**
 * `running`: open; somebody works on it, or is about to. `interrupted`: open, and its runner fell silent: another one goes on with it within
 * seconds. `cancelled` and `failed` can be resumed; `completed` cannot.
 */
export type OperationState = 'running' | 'interrupted' | 'cancelled' | 'completed' | 'failed';

/** A long piece of operators' work, with progress. Instants are the store's, UTC ms. */
export interface Operation {
  id: OperationId;
  kind: string;
  state: OperationState;
  /** How much there was to do when it was started: an estimate, never a bound. */
  total: number;
  done: number;
  failed: number;
  /** Why it stands still or failed, without secrets; null while all is well. */
  error: string | null;
  createdAt: number;
  updatedAt: number;
}

/** The right to do an operation's next step, until somebody else takes it. */
export interface OperationLease {
  id: OperationId;
  epoch: number;
}

/** An operation in hand. `cursor` is what the last step left, null before the first. */
export interface TakenOperation {
  lease: OperationLease;
  kind: string;
  params: unknown;
  cursor: unknown;
  done: number;
  failed: number;
  /** Steps in a row that failed. */
  stumbles: number;
  createdAt: number;
}

export interface NewOperation {
  id: OperationId;
  kind: string;
  total: number;
  /** What its steps need to know; never a secret. */
  params?: unknown;
}

export interface StepDone {
  cursor: unknown;
  /** In all, since the start. */
  done: number;
  failed: number;
  leaseMs: number;
}

/**
 * Long work that outlives the process that began it. One operation of a kind is open at a time, and one process at a time may do its
 * steps: those that take a lease throw {@link LeaseLost} when another process took it since.
 */
export interface Operations {
  /** Stores it for a runner to take. While another of its kind is open, that one is returned instead (`isNew: false`). */
  start(operation: NewOperation): Promise<{ operation: Operation; isNew: boolean }>;
  /** Takes the oldest open operation of these kinds that nobody works on. */
  take(request: { owner: string; kinds: string[]; leaseMs: number }): Promise<TakenOperation | null>;
  renew(lease: OperationLease, leaseMs: number): Promise<void>;
  /** Keeps what a step came to, and extends the lease. `stop`: it was cancelled meanwhile. */
  advance(lease: OperationLease, step: StepDone): Promise<'go' | 'stop'>;
  /** A step failed: somebody tries it again after `retryInMs`; null: the operation is `failed`. */
  stumble(lease: OperationLease, failure: { error: string; retryInMs: number | null }): Promise<void>;
  /** Nothing is left to do. */
  complete(lease: OperationLease): Promise<void>;
  /** Gives it back in the middle, for another process to go on with at once. */
  giveBack(lease: OperationLease): Promise<void>;
  get(id: OperationId): Promise<Operation | null>;
  /** Newest first. */
  list(limit: number): Promise<Operation[]>;
  /** It stops after the step in hand. False: it has ended, or is unknown. */
  cancel(id: OperationId): Promise<boolean>;
  /** Opens a cancelled or failed operation again, from its cursor. `busy`: another one of its kind is open. */
  resume(id: OperationId): Promise<'resumed' | 'unknown' | 'open' | 'completed' | 'busy'>;
}
