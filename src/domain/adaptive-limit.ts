/**
 * How many calls a provider takes at once, found out by watching it. Two signals: it refuses (429), or calls take longer than calls of their
 * size do when the provider is at rest, which means that they queue there. The first is answered as TCP answers loss, the second as
 * TCP Vegas answers delay (Brakmo, Peterson: "TCP Vegas", 1995, https://doi.org/10.1109/49.464716; as for servers in
 * https://github.com/Netflix/concurrency-limits). Raw latency would mislead: a model's answer takes as long as it is long.
 */
import { Slowness } from './slowness.ts';

export interface AdaptiveLimits {
  /** Never fewer, never more, and what it begins with. */
  min: number;
  max: number;
  initial: number;
}

/** One call that is over. Instants and durations are ms of one monotonic clock. */
export interface CallOver {
  startedAt: number;
  endedAt: number;
  /** Calls under way when it began, itself included. */
  inFlight: number;
  /** `ok`: answered; `units` is its size, such as the tokens of the answer. `limited`: refused for being one too many. `late`: no answer in time. */
  how: { kind: 'ok'; units: number } | { kind: 'limited' } | { kind: 'late' };
}

/** Below this share of the limit in use a quick answer says nothing about a higher one. */
const IN_USE = 0.8;
/** Refused again before a limit's worth of calls was answered: the limit is far too high. */
const CUT = 0.75;
const LATE_CUT = 0.8;
/** How much one answered call raises the limit while nothing is known of a ceiling. */
const FREE_STEP = 0.6;
/** How long a ceiling is believed before it is tried again, ms; each time in vain twice as long, up to the second. */
const TRY_AGAIN_MS = 3_000;
const TRY_AGAIN_MAX_MS = 8_000;
/** Calls queueing at the provider that are welcome, and too many, as shares of the limit. */
const QUEUE_LOW = 0.2;
const QUEUE_HIGH = 0.33;

export class AdaptiveLimit {
  readonly #limits: AdaptiveLimits;
  readonly #slowness = new Slowness();
  #limit: number;
  /** The highest that was not refused, and until when it is believed. */
  #ceiling: { at: number; until: number; waitMs: number } | null = null;
  #cutAt = -Infinity;
  #answeredSinceCut = Infinity;

  constructor(limits: AdaptiveLimits) {
    this.#limits = limits;
    this.#limit = limits.initial;
  }

  /** A whole number. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  over(call: CallOver): void {
    switch (call.how.kind) {
      case 'limited':
        return this.#refused(call);
      case 'late':
        return this.#late(call);
      case 'ok':
        return this.#answered(call, call.how.units);
    }
  }

  /** A call that began before the last cut tells about the limit of that time. */
  #refused({ startedAt, endedAt, inFlight }: CallOver): void {
    if (startedAt < this.#cutAt) return;
    const again = this.#answeredSinceCut < this.#limit;
    const highest = Math.max(inFlight - 1, 1);
    const wasTrying = this.#ceiling !== null && highest >= this.#ceiling.at - 1 && !again;
    const waitMs = wasTrying ? Math.min((this.#ceiling as { waitMs: number }).waitMs * 2, TRY_AGAIN_MAX_MS) : TRY_AGAIN_MS;
    this.#set(again ? highest * CUT : highest);
    this.#ceiling = { at: this.#limit, until: endedAt + waitMs, waitMs };
    this.#cutAt = endedAt;
    this.#answeredSinceCut = 0;
  }

  #late({ startedAt, endedAt }: CallOver): void {
    if (startedAt < this.#cutAt) return;
    this.#set(this.#limit * LATE_CUT);
    this.#cutAt = endedAt;
    this.#answeredSinceCut = 0;
  }

  #answered({ startedAt, endedAt, inFlight }: CallOver, units: number): void {
    this.#answeredSinceCut += 1;
    const slowness = this.#slowness.seen({ units, latencyMs: endedAt - startedAt, now: endedAt });
    const queued = 1 - 1 / slowness;
    if (queued > QUEUE_HIGH && startedAt >= this.#cutAt) return this.#shrink(queued, endedAt);
    if (queued < QUEUE_LOW && inFlight >= this.limit * IN_USE) this.#grow(endedAt);
  }

  /** Down to what the provider works on at once, as far as one round of calls can tell. */
  #shrink(queued: number, now: number): void {
    this.#set(this.#limit * (1 - (queued - QUEUE_LOW) / 2));
    this.#cutAt = now;
  }

  /** Freely where nothing was refused yet; one more at a time up to a known ceiling; beyond it after a while. */
  #grow(now: number): void {
    const ceiling = this.#ceiling;
    if (!ceiling) return this.#set(this.#limit + FREE_STEP);
    if (this.#limit < ceiling.at) return this.#set(Math.min(this.#limit + 1 / Math.sqrt(this.#limit), ceiling.at));
    if (now < ceiling.until) return;
    // One more is tried; if a round of calls later nobody has refused, the ceiling is gone.
    if (this.#limit < ceiling.at + 1) return this.#set(Math.min(this.#limit + FREE_STEP, ceiling.at + 1));
    this.#ceiling = this.#answeredSinceCut > 2 * this.#limit ? null : ceiling;
  }

  #set(limit: number): void {
    this.#limit = Math.min(Math.max(limit, this.#limits.min), this.#limits.max);
  }
}
