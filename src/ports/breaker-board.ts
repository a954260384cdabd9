/** A breaker that some process opened. */
export interface OpenBreaker {
  name: string;
  /** Until one call may be tried, ms; 0 or less: now. */
  leftMs: number;
  /** How often in a row it was opened. */
  opened: number;
}

/** What processes tell one another about breakers. By the store's clock. */
export interface BreakerBoard {
  /** Those that are open, by name. */
  list(): Promise<OpenBreaker[]>;
  open(name: string, at: { forMs: number; opened: number }): Promise<void>;
  close(name: string): Promise<void>;
  /** The right to try one call, once its time has come; nobody else gets it within `forMs`. */
  probe(name: string, forMs: number): Promise<boolean>;
}
