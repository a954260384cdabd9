import { STEP_BACK_MS } from '../../domain/limit.ts';
import type { Shelved } from './shelf.ts';

/** The instants of events, oldest first, in a ring that grows with what it holds. */
export class EventLog implements Shelved {
  readonly keys: Map<string, EventLog>;
  readonly key: string;
  /** When the youngest event stops counting; nothing in it counts from then on. */
  expiresAt = 0;
  #ring: number[] = [];
  #head = 0;
  #size = 0;

  constructor(keys: Map<string, EventLog>, key: string) {
    this.keys = keys;
    this.key = key;
  }

  get size(): number {
    return this.#size;
  }

  /** The n-th oldest, from 0. */
  at(n: number): number {
    const place = this.#head + n;
    return this.#ring[place < this.#ring.length ? place : place - this.#ring.length] as number;
  }

  /** The time that counts here: a clock never goes back before what is in the log. See {@link STEP_BACK_MS}. */
  timeAt(now: number): number {
    if (this.#size === 0) return now;
    const last = this.at(this.#size - 1);
    if (now >= last) return now;
    if (last - now <= STEP_BACK_MS) return last;
    this.#shift(last - now);
    return now;
  }

  /** How many happened at this instant or before. */
  until(edge: number): number {
    if (this.#size === 0 || this.at(0) > edge) return 0;
    let low = 1;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) > edge) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Drops the oldest. Only when something is counted: a clock that is set back brings the past back, and with it what was dropped too early. */
  drop(count: number): void {
    if (count === 0) return;
    this.#size -= count;
    this.#head = this.#size === 0 ? 0 : (this.#head + count) % this.#ring.length;
  }

  add(time: number, cost: number): void {
    for (let n = 0; n < cost; n++) this.#push(time);
  }

  #push(time: number): void {
    const place = this.#head + this.#size;
    if (this.#size < this.#ring.length) this.#ring[place < this.#ring.length ? place : place - this.#ring.length] = time;
    else this.#grow(time);
    this.#size += 1;
  }

  #grow(time: number): void {
    if (this.#head > 0) {
      this.#ring = [...this.#ring.slice(this.#head), ...this.#ring.slice(0, this.#head)];
      this.#head = 0;
    }
    // Most keys of a crowd hold a single event: a list of one takes no more room than that.
    if (this.#size === 0) this.#ring = [time];
    else this.#ring.push(time);
  }

  #shift(by: number): void {
    for (const [place, time] of this.#ring.entries()) this.#ring[place] = time - by;
    this.expiresAt -= by;
  }
}
