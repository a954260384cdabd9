/** A breaker that some process opened. */
export interface OpenBreaker {
  name: string;
  /** Until one call may be tried, ms; 0 or less: now. */
  leftMs: number;
  /** How often in a row it was opened. */
  opened: number;
}

/** `yours`: try one call. `no`: its time has not come, or somebody else tries. `closed`: nobody says any more that it is open. */
export type ProbeAnswer = 'yours' | 'no' | 'closed';

/** What processes tell one another about breakers. By the store's clock. */
export interface BreakerBoard {
  /** Those that are open, by name. */
  list(): Promise<OpenBreaker[]>;
  open(name: string, at: { forMs: number; opened: number }): Promise<void>;
  close(name: string): Promise<void>;
  /** Asks for the right to try one call, once its time has come; nobody else gets it within `forMs`. */
  probe(name: string, forMs: number): Promise<ProbeAnswer>;
}
