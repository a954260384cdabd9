import type { LimitAsk, PaceRule, ReserveAsk } from '../../src/domain/limit.ts';
import { seeded } from '../chaos/seeded.ts';

/** Asks of one instant. */
export interface Moment {
  now: number;
  asks: LimitAsk[];
}

const ORGS = ['org_a', 'org_b', 'with{braces}', 'percent%7Bs'];
const WINDOWS: Record<string, number> = { conversation: 60_000, 'org-send': 60_000, user: 20_000, channel: 1000 };
const LIMITS: Record<string, readonly number[]> = { conversation: [10, 10, 10, 5, 1], 'org-send': [60, 60, 40], user: [30, 7], channel: [300, 25] };
const KEYS: Record<string, number> = { conversation: 12, 'org-send': 1, user: 5, channel: 2 };

/** Each key once, at the beginning: a limiter in memory may forget an expired key when it gets a new one, and a clock that goes back would show that. */
function everyKey(): LimitAsk[] {
  return ORGS.flatMap((org) =>
    Object.entries(WINDOWS).flatMap(([name, windowMs]) =>
      Array.from({ length: KEYS[name] as number }, (_, n) => ({ org, rules: [{ name, key: `${name}:${n}`, limit: 10, windowMs }] })),
    ),
  );
}

/**
 * Endless seeded traffic that lives at its limits: several rules per ask, limits that change from ask to ask, costs, bursts within one instant, silences,
 * and a clock that now and then goes back, a little or by minutes.
 */
export function* traffic(seed: number, startAt = 1_800_000_000_000): Generator<Moment, never> {
  const random = seeded(seed).next;
  const below = (end: number): number => Math.floor(random() * end);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;

  function ask(): LimitAsk {
    const names = Object.keys(WINDOWS).filter(() => random() < 0.5);
    const rules = (names.length > 0 ? names : ['conversation']).map((name) => {
      const [windowMs, limits, keys] = [WINDOWS[name] as number, LIMITS[name] as readonly number[], KEYS[name] as number];
      return { name, key: `${name}:${below(keys)}`, limit: pick(limits), windowMs };
    });
    const cost = random() < 0.1 ? 1 + below(Math.min(3, ...rules.map(({ limit }) => limit))) : 1;
    return { org: pick(ORGS), rules, ...(cost > 1 && { cost }) };
  }

  function step(): number {
    const kind = random();
    if (kind < 0.01) return -below(2000);
    if (kind < 0.012) return -2001 - below(600_000);
    if (kind < 0.02) return below(90_000);
    return below(kind < 0.3 ? 3 : 1500);
  }

  let now = startAt;
  yield { now, asks: everyKey() };
  for (;;) {
    now += step();
    yield { now, asks: Array.from({ length: 1 + below(random() < 0.2 ? 60 : 12) }, ask) };
  }
}

export interface SendMoment {
  now: number;
  ask: ReserveAsk;
  penalty: { rule: PaceRule; forMs: number } | null;
}

/** Reservations and penalties, likewise. */
export function* sends(seed: number, startAt = 1_800_000_000_000): Generator<SendMoment, never> {
  const random = seeded(seed).next;
  const below = (end: number): number => Math.floor(random() * end);
  let now = startAt;
  for (const org of ORGS.slice(0, 2)) {
    for (let n = 0; n < 4; n++) yield { now, ask: { org, rules: [{ name: 'pair', key: `to-${n}`, intervalMs: 6000, burst: 45 }], maxWaitMs: 0 }, penalty: null };
    yield { now, ask: { org, rules: [{ name: 'number', key: 'n', intervalMs: 13, burst: 1 }], maxWaitMs: 0 }, penalty: null };
  }
  for (;;) {
    const back = random() < 0.02 ? below(random() < 0.5 ? 2000 : 500_000) : 0;
    now += random() < 0.4 ? 0 : below(4000) - back;
    const pair: PaceRule = { name: 'pair', key: `to-${below(4)}`, intervalMs: 6000, burst: 45 };
    const number: PaceRule = { name: 'number', key: 'n', intervalMs: 13, burst: 1 + below(2) };
    const rules = random() < 0.3 ? [pair] : [pair, number];
    const penalty = random() < 0.01 ? { rule: pair, forMs: 1 + below(30_000) } : null;
    yield { now, ask: { org: ORGS[below(2)] as string, rules, maxWaitMs: below(2) * below(60_000) }, penalty };
  }
}
