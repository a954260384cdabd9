import type { LimitAsk, LimitDecision, WindowRule } from '../../domain/limit.ts';
import { EventLog } from './event-log.ts';
import { Shelf } from './shelf.ts';

/** The window rules of one process. Written for speed: a decision is a few look-ups and comparisons, and makes one object. */
export class Windows {
  readonly #shelf: Shelf<EventLog>;

  constructor(maxKeys: number) {
    this.#shelf = new Shelf(maxKeys);
  }

  decide(ask: LimitAsk, now: number, counts: boolean): LimitDecision {
    const { org, rules, cost = 1 } = ask;
    let denying: WindowRule | null = null;
    let [tightest, least, count, waitMs] = [rules[0] as WindowRule, Infinity, 0, 0];
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as WindowRule;
      const log = this.#shelf.get(org, rule.name, rule.key);
      const time = log === undefined ? now : log.timeAt(now);
      const gone = log === undefined ? 0 : log.until(time - rule.windowMs);
      const live = log === undefined ? 0 : log.size - gone;
      const room = rule.limit - live - cost;
      if (room < 0) {
        const wait = (log as EventLog).at(gone - room - 1) + rule.windowMs - now;
        if (denying && wait <= waitMs) continue;
        denying = rule;
        count = live;
        waitMs = wait;
      } else if (!denying && room < least) {
        tightest = rule;
        least = room;
        count = live + cost;
        waitMs = (live > 0 ? (log as EventLog).at(gone) : time) + rule.windowMs - now;
      }
    }
    if (!denying && counts) this.count(ask, now);
    const { name, limit } = denying ?? tightest;
    const remaining = count < limit ? limit - count : 0;
    return { allowed: !denying, count, limit, remaining, resetAt: now + waitMs, retryAfterMs: denying ? waitMs : 0, source: 'memory', rule: name };
  }

  /** Counts the ask, whatever the limits say. */
  count({ org, rules, cost = 1 }: LimitAsk, now: number): void {
    for (let i = 0; i < rules.length; i++) {
      const { name, key, windowMs } = rules[i] as WindowRule;
      const log = this.#shelf.get(org, name, key) ?? this.#shelf.put(new EventLog(this.#shelf.keysOf(org, name), key), now);
      const time = log.timeAt(now);
      log.drop(log.until(time - windowMs));
      log.add(time, cost);
      log.expiresAt = time + windowMs;
    }
  }

  countAt(now: number): number {
    return this.#shelf.countAt(now);
  }
}
