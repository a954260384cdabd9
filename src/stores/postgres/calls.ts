import type { Clock } from '../../domain/clock.ts';

/** One call on its way, from the port's method to its answer. */
export interface Call<Payload> {
  payload: Payload;
  command: string;
  /** On the monotonic clock, ms. */
  deadline: number;
  /** False once its caller was told something: its answer interests nobody any more. */
  waiting: boolean;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** All calls that have no answer yet, each with the same time to get one. */
export class Calls {
  readonly #pending = new Set<Call<unknown>>();
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #late: (command: string) => Error;
  #watching = false;
  #whenDrained: (() => void)[] = [];

  /** `late` makes the error of a call that ran out of time. */
  constructor(clock: Clock, timeoutMs: number, late: (command: string) => Error) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#late = late;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Starts a call: `begin` gets it, and answers it some time. */
  start<Payload>(command: string, payload: Payload, begin: (call: Call<Payload>) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call: Call<Payload> = { payload, command, deadline: this.#clock.monotonic() + this.#timeoutMs, waiting: true, resolve, reject };
      this.#pending.add(call);
      begin(call);
      void this.#watch();
    });
  }

  /** Answers a call. False when its caller was told otherwise before. */
  settle(call: Call<unknown>, outcome: { value: unknown } | { error: Error }): boolean {
    if (!call.waiting) return false;
    call.waiting = false;
    this.#pending.delete(call);
    if ('error' in outcome) call.reject(outcome.error);
    else call.resolve(outcome.value);
    if (this.#pending.size === 0) for (const tell of this.#whenDrained.splice(0)) tell();
    return true;
  }

  /** Resolves when every call has its answer. */
  drained(): Promise<void> {
    return this.#pending.size === 0 ? Promise.resolve() : new Promise((resolve) => void this.#whenDrained.push(resolve));
  }

  /** One timer for all: they share one timeout, so the oldest is always the next to run out. */
  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#pending.size > 0) {
      await this.#clock.sleep(Math.max(5, this.#timeoutMs / 16));
      const now = this.#clock.monotonic();
      for (const call of this.#pending) {
        if (call.deadline > now) break;
        this.settle(call, { error: this.#late(call.command) });
      }
    }
    this.#watching = false;
  }
}
