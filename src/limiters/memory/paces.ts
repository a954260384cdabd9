import { reservationOf, STEP_BACK_MS, type PaceRule, type Reservation, type ReserveAsk } from '../../domain/limit.ts';
import type { PenalizeAsk } from '../../ports/limiter.ts';
import { Shelf, type Shelved } from './shelf.ts';

/** GCRA's state of one key: the theoretical arrival time, and when it was last touched. */
interface Pace extends Shelved {
  arrivesAt: number;
  touchedAt: number;
}

/** How far ahead of its pace a burst may run, ms. */
const toleranceOf = ({ intervalMs, burst }: PaceRule): number => (burst - 1) * intervalMs;

/** The time that counts for a pace. A clock that was set back takes the state along; see {@link STEP_BACK_MS}. */
function timeAt(pace: Pace, now: number): number {
  const behind = pace.touchedAt - now;
  if (behind <= 0) return now;
  if (behind <= STEP_BACK_MS) return pace.touchedAt;
  pace.arrivesAt -= behind;
  pace.touchedAt = now;
  pace.expiresAt -= behind;
  return now;
}

/** The pace rules of one process. */
export class Paces {
  readonly #shelf: Shelf<Pace>;

  constructor(maxKeys: number) {
    this.#shelf = new Shelf(maxKeys);
  }

  reserve(ask: ReserveAsk, now: number): Reservation {
    let [startAt, index] = [now, 0];
    for (const [i, rule] of ask.rules.entries()) {
      const pace = this.#shelf.get(ask.org, rule.name, rule.key);
      const earliest = pace ? Math.max(timeAt(pace, now), pace.arrivesAt - toleranceOf(rule)) : now;
      if (earliest > startAt) [startAt, index] = [earliest, i];
    }
    const waitMs = startAt - now;
    if (waitMs > ask.maxWaitMs) return reservationOf(ask, { allowed: false, index, waitMs: waitMs - ask.maxWaitMs, now }, 'memory');
    this.take(ask, startAt, now);
    return reservationOf(ask, { allowed: true, index, waitMs, now }, 'memory');
  }

  /** Takes a place that starts at `startAt`, whatever the pace says. */
  take({ org, rules }: Pick<ReserveAsk, 'org' | 'rules'>, startAt: number, now: number): void {
    for (const rule of rules) this.#set({ org, rule }, now, (arrivesAt) => Math.max(arrivesAt, startAt) + rule.intervalMs);
  }

  penalize({ org, rule, forMs }: PenalizeAsk, now: number): void {
    this.#set({ org, rule }, now, (arrivesAt, time) => Math.max(arrivesAt, time + forMs + toleranceOf(rule)));
  }

  countAt(now: number): number {
    return this.#shelf.countAt(now);
  }

  #set({ org, rule }: { org: string; rule: PaceRule }, now: number, next: (arrivesAt: number, time: number) => number): void {
    const { name, key } = rule;
    const pace = this.#shelf.get(org, name, key) ?? this.#shelf.put({ keys: this.#shelf.keysOf(org, name), key, arrivesAt: now, touchedAt: now, expiresAt: now }, now);
    const time = timeAt(pace, now);
    pace.arrivesAt = next(pace.arrivesAt, time);
    pace.touchedAt = time;
    pace.expiresAt = pace.arrivesAt;
  }
}
