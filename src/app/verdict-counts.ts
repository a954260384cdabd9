import type { Verdict } from '../domain/verdict.ts';

/** How messages were judged since this process started. */
export class VerdictCounts {
  readonly #counts = new Map<Verdict, number>();

  add(verdict: Verdict): void {
    this.#counts.set(verdict, (this.#counts.get(verdict) ?? 0) + 1);
  }

  all(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
