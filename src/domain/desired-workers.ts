/** How many workers there should be, from what there is to do. */

export interface Backlog {
  /** Lanes that a worker could take now. */
  waiting: number;
  /** Lanes in the hands of workers. */
  active: number;
  /** How long the first of those that wait could have run already, ms. */
  oldestWaitingMs: number;
  /** What one turn takes, ms; null: nobody knows yet. */
  serviceMs: number | null;
}

export interface ScalingRules {
  min: number;
  max: number;
  /** No work should wait longer, ms. */
  maxWaitMs: number;
  /** Turns that one worker does at once. */
  perWorker: number;
}

/** Assumed before the first turn has ended, ms. */
const UNKNOWN_SERVICE_MS = 3_000;

/**
 * What is in hand keeps its turns, and what waits gets as many more as end it before the oldest of it has waited too long: `waiting × service ÷
 * time left` turns at once (Little's law). The time left is never taken to be less than a quarter of `maxWaitMs`, so that work that is late
 * already asks for four times as much, and not for everything.
 */
export function desiredWorkers(backlog: Backlog, rules: ScalingRules): number {
  const leftMs = Math.max(rules.maxWaitMs / 4, rules.maxWaitMs - backlog.oldestWaitingMs);
  const turns = backlog.active + (backlog.waiting * (backlog.serviceMs ?? UNKNOWN_SERVICE_MS)) / leftMs;
  return Math.min(rules.max, Math.max(rules.min, Math.ceil(turns / rules.perWorker)));
}
