/** Where an operation stands when its next step begins. */
export interface StepAt {
  /** What it was started with. */
  params: unknown;
  /** What the last step left; null before the first. */
  cursor: unknown;
  /** When it was started, by the store's clock, UTC ms. */
  createdAt: number;
  /** Aborts when the process stops, or another one has the operation. */
  signal: AbortSignal;
}

export interface Stepped {
  /** Kept, as JSON, and given to the next step. */
  cursor: unknown;
  /** What this step did, and what of it could not be done. */
  done: number;
  failed: number;
  finished: boolean;
}

/**
 * One kind of long work, as steps of bounded size: each well below a second. A process may die after a step's effects and before its
 * cursor is kept; so doing a step once more must do no harm.
 */
export interface OperationKind {
  readonly name: string;
  step(at: StepAt): Promise<Stepped>;
}
