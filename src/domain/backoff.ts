/** Attempt n + 1 waits the base × 1, 2, 5, 10 (10 from then on). */
const STEPS = [1, 2, 5, 10] as const;

/**
 * Milliseconds to wait after `attempt` attempts have failed (1 for the first). `retryAfterMs`, when the other side gave
 * one, wins if it is longer.
 */
export function backoffMs(attempt: number, baseMs: number, retryAfterMs = 0): number {
  const step = STEPS[Math.min(Math.max(attempt, 1), STEPS.length) - 1] ?? 10;
  return Math.max(step * baseMs, retryAfterMs);
}
