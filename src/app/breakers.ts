/** One breaker as `/health/resilience` shows it. `half_open`: it lets one call through to see whether the other side is well again. */
export interface BreakerView {
  /** Says what it guards; never a secret. */
  name: string;
  state: 'closed' | 'open' | 'half_open';
}

/** Every breaker of this process, whoever keeps it. */
export class Breakers {
  readonly #sources: (() => Iterable<BreakerView>)[] = [];

  /** Adds breakers that somebody else keeps: asked whenever they are shown. */
  add(source: () => Iterable<BreakerView>): void {
    this.#sources.push(source);
  }

  list(): BreakerView[] {
    return this.#sources.flatMap((source) => [...source()]);
  }
}
