export interface LatencyFigures {
  p50: number;
  p99: number;
  max: number;
}

/** Every latency of a run, ms. Nothing is rounded or put into buckets. */
export class Latencies {
  readonly #values: Float64Array;
  #count = 0;

  constructor(most: number) {
    this.#values = new Float64Array(most);
  }

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    this.#values[this.#count++] = ms;
  }

  /** Throws when there are none: a run that measured nothing has no figures. */
  figures(): LatencyFigures {
    if (this.#count === 0) throw new Error('nothing was measured');
    const sorted = this.#values.slice(0, this.#count).sort();
    const at = (part: number): number => sorted[Math.min(this.#count - 1, Math.floor(this.#count * part))] as number;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}
