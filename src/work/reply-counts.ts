import { MAX_REPLIES_PER_HOUR } from '../domain/bot-loop.ts';

const HOUR_MS = 3_600_000;
/** Conversations remembered at the most; those that were quiet longest are forgotten first. */
const MAX_KEPT = 10_000;

/** How often this process answered in each conversation within the last hour. Each process counts its own. */
export class ReplyCounts {
  /** Monotonic ms of the latest replies, oldest first. */
  readonly #times = new Map<string, number[]>();

  replied(conversation: string, now: number): void {
    const times = [...(this.#times.get(conversation) ?? []), now].slice(-MAX_REPLIES_PER_HOUR);
    this.#times.delete(conversation);
    this.#times.set(conversation, times);
    const oldest = this.#times.keys().next();
    if (this.#times.size > MAX_KEPT && !oldest.done) this.#times.delete(oldest.value);
  }

  isFull(conversation: string, now: number): boolean {
    const times = this.#times.get(conversation) ?? [];
    return times.length >= MAX_REPLIES_PER_HOUR && (times[0] as number) > now - HOUR_MS;
  }
}
