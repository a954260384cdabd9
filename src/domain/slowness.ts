/**
 * How much slower calls are at present than at rest, whatever their size: a model's answer takes as long as it is long. The latest calls are
 * fitted by a line (the time of a call for itself, and for each unit of its size; least squares, the past fading), and what that line says of a
 * call of usual size is compared with the best that it said lately.
 */
export interface SeenCall {
  /** The size of the answer; 0 where it is not known. */
  units: number;
  latencyMs: number;
  /** Monotonic ms. */
  now: number;
}

interface Line {
  itselfMs: number;
  perUnitMs: number;
}

/** What a call still weighs in the present when the next one comes, and in the usual size. */
const FADING = 0.95;
const USUAL_FADING = 0.995;
/** Calls before the present can be told. */
const ENOUGH = 10;
/** How long the best is remembered, ms: at least once, at most twice this. */
const PERIOD_MS = 300_000;

export class Slowness {
  #sums = { n: 0, u: 0, l: 0, uu: 0, ul: 0 };
  #usual = { n: 0, u: 0 };
  #count = 0;
  #best: Line | null = null;
  #bestBefore: Line | null = null;
  #periodSince = -Infinity;

  /** Takes a call in. 1: as quick as it gets; 2: half as quick. */
  seen({ units, latencyMs, now }: SeenCall): number {
    this.#learn(units, latencyMs);
    this.#count += 1;
    if (this.#count < ENOUGH) return 1;
    const present = this.#present();
    if (now - this.#periodSince >= PERIOD_MS) [this.#bestBefore, this.#best, this.#periodSince] = [this.#best, present, now];
    if (this.#usualMs(present) < this.#usualMs(this.#best)) this.#best = present;
    return this.#usualMs(present) / Math.min(this.#usualMs(this.#best), this.#usualMs(this.#bestBefore));
  }

  #learn(u: number, l: number): void {
    const s = this.#sums;
    this.#sums = { n: s.n * FADING + 1, u: s.u * FADING + u, l: s.l * FADING + l, uu: s.uu * FADING + u * u, ul: s.ul * FADING + u * l };
    this.#usual = { n: this.#usual.n * USUAL_FADING + 1, u: this.#usual.u * USUAL_FADING + u };
  }

  #present(): Line {
    const { n, u, l, uu, ul } = this.#sums;
    const spread = n * uu - u * u;
    const perUnitMs = spread > 1e-6 * n * n ? Math.max(0, (n * ul - u * l) / spread) : 0;
    return { itselfMs: (l - perUnitMs * u) / n, perUnitMs };
  }

  /** What a line says of a call of usual size. */
  #usualMs(line: Line | null): number {
    if (!line) return Infinity;
    return Math.max(line.itselfMs + line.perUnitMs * (this.#usual.u / this.#usual.n), 1e-3);
  }
}
