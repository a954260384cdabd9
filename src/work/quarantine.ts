/**
 * Turns of a process run side by side, except one whose next crash would condemn its message: it runs alone, so that no other
 * turn can be the cause of that crash.
 */
export class Quarantine {
  #side = 0;
  #alone = false;
  #waiting: { alone: boolean; start: () => void }[] = [];

  async run<T>(alone: boolean, task: () => Promise<T>): Promise<T> {
    if (!this.#mayStart(alone) || this.#waiting.length > 0) await new Promise<void>((start) => this.#waiting.push({ alone, start }));
    else this.#enter(alone);
    try {
      return await task();
    } finally {
      this.#leave(alone);
    }
  }

  #mayStart(alone: boolean): boolean {
    return !this.#alone && (!alone || this.#side === 0);
  }

  #enter(alone: boolean): void {
    if (alone) this.#alone = true;
    else this.#side += 1;
  }

  #leave(alone: boolean): void {
    if (alone) this.#alone = false;
    else this.#side -= 1;
    for (let next = this.#waiting[0]; next && this.#mayStart(next.alone); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#enter(next.alone);
      next.start();
    }
  }
}
