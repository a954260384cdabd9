/** Looks at its own clock this often, ms. */
const LOOK_MS = 100;

/** Notices when the runner itself, and so the users, the platform and the judge, got no time: what such a schedule shows is no proof of anything. */
export class Stillness {
  /** The longest so far, ms. */
  longestMs = 0;
  #lastAt = performance.now();
  readonly #timer = setInterval(() => this.#look(), LOOK_MS);

  #look(): void {
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, Math.round(now - this.#lastAt - LOOK_MS));
    this.#lastAt = now;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
