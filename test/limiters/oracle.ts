import type { LimitAsk, LimitDecision, PaceRule, Reservation, ReserveAsk } from '../../src/domain/limit.ts';

/** What every store must decide; who decided is the store's own affair. */
export type Expected<T> = T extends unknown ? Omit<T, 'source'> : never;

/**
 * The rules in their plainest form: lists of instants, counted one by one. Slow, and with nothing in common with the code under test but the sentences
 * in its documentation.
 */
export class Oracle {
  readonly #logs = new Map<string, number[]>();
  readonly #paces = new Map<string, { arrivesAt: number; touchedAt: number }>();

  check(ask: LimitAsk, now: number, counts = true): Expected<LimitDecision> {
    const { org, rules, cost = 1 } = ask;
    const seen = rules.map((rule) => {
      const id = `${org}/${rule.name}/${rule.key}`;
      const { log, time } = this.#at(id, now);
      const live = log.filter((at) => at + rule.windowMs > time);
      return { rule, id, time, live, waitMs: waitOf(live, { ...rule, cost }, now) };
    });
    const longest = seen.reduce((most, each) => (each.waitMs > most.waitMs ? each : most));
    if (longest.waitMs > 0) {
      const { rule, live, waitMs } = longest;
      const remaining = Math.max(0, rule.limit - live.length);
      return { allowed: false, count: live.length, limit: rule.limit, remaining, resetAt: now + waitMs, retryAfterMs: waitMs, rule: rule.name };
    }
    const after = seen.map((each) => ({ ...each, live: [...each.live, ...Array.from({ length: cost }, () => each.time)] }));
    if (counts) for (const { id, live } of after) this.#logs.set(id, live);
    const room = ({ rule, live }: (typeof after)[number]): number => rule.limit - live.length;
    const tightest = after.reduce((least, each) => (room(each) < room(least) ? each : least));
    const resetAt = (tightest.live[0] as number) + tightest.rule.windowMs;
    return { allowed: true, count: tightest.live.length, limit: tightest.rule.limit, remaining: room(tightest), resetAt, retryAfterMs: 0, rule: tightest.rule.name };
  }

  reserve({ org, rules, maxWaitMs }: ReserveAsk, now: number): Expected<Reservation> {
    const paces = rules.map((rule) => ({ rule, pace: this.#paceAt(`${org}/${rule.name}/${rule.key}`, now) }));
    const starts = paces.map(({ rule, pace }) => Math.max(now, pace.touchedAt, pace.arrivesAt - toleranceOf(rule)));
    const startAt = Math.max(...starts);
    const rule = startAt === now ? (rules[0] as PaceRule).name : (rules[starts.indexOf(startAt)] as PaceRule).name;
    const waitMs = startAt - now;
    if (waitMs > maxWaitMs) return { reserved: false, retryAfterMs: waitMs - maxWaitMs, rule };
    for (const each of paces) {
      each.pace.arrivesAt = Math.max(each.pace.arrivesAt, startAt) + each.rule.intervalMs;
      each.pace.touchedAt = Math.max(each.pace.touchedAt, now);
    }
    return { reserved: true, startAt, waitMs, rule };
  }

  penalize({ org, rule, forMs }: { org: string; rule: PaceRule; forMs: number }, now: number): void {
    const pace = this.#paceAt(`${org}/${rule.name}/${rule.key}`, now);
    pace.touchedAt = Math.max(pace.touchedAt, now);
    pace.arrivesAt = Math.max(pace.arrivesAt, pace.touchedAt + forMs + toleranceOf(rule));
  }

  /** A clock that went back a little stands still; one that was set back takes the past along. */
  #at(id: string, now: number): { log: number[]; time: number } {
    const log = this.#logs.get(id) ?? [];
    const last = log.at(-1) ?? now;
    if (last <= now) return { log, time: now };
    if (last - now <= 2000) return { log, time: last };
    const moved = log.map((at) => at - (last - now));
    this.#logs.set(id, moved);
    return { log: moved, time: now };
  }

  #paceAt(id: string, now: number): { arrivesAt: number; touchedAt: number } {
    const pace = this.#paces.get(id) ?? { arrivesAt: now, touchedAt: now };
    this.#paces.set(id, pace);
    if (pace.touchedAt - now <= 2000) return pace;
    pace.arrivesAt -= pace.touchedAt - now;
    pace.touchedAt = now;
    return pace;
  }
}

const toleranceOf = ({ intervalMs, burst }: PaceRule): number => (burst - 1) * intervalMs;

/** 0 when there is room; otherwise until the first instant at which enough of the live events have stopped counting. */
function waitOf(live: number[], { limit, windowMs, cost }: { limit: number; windowMs: number; cost: number }, now: number): number {
  if (live.length + cost <= limit) return 0;
  const ends = live.map((at) => at + windowMs).toSorted((a, b) => a - b);
  const enough = ends.find((end) => live.filter((at) => at + windowMs > end).length + cost <= limit);
  return (enough as number) - now;
}

/** Whether a store decided as expected, field by field: `toEqual` would take most of the time of a million decisions. */
export function isAsExpected(decided: object, expected: object): boolean {
  const fields = Object.entries(expected) as [keyof typeof decided, never][];
  return fields.every(([name, value]) => decided[name] === value) && Object.keys(decided).length === fields.length + 1;
}
