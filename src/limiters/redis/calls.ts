import type { MarkAsk } from '../../domain/duplicate.ts';
import { decisionOf, reservationOf, type LimitAsk, type LimitDecision, type Reservation, type ReserveAsk } from '../../domain/limit.ts';
import { keyOf } from '../key.ts';
import type { Timed } from '../shared-limiter.ts';
import type { ActiveKeys } from './active-keys.ts';
import type { RedisCommands } from './client.ts';
import { Script } from './script.ts';

export interface CallDeps {
  commands: RedisCommands;
  prefix: string;
  activeKeys: ActiveKeys;
  activeMarks: ActiveKeys;
}

const WINDOW = new Script('./window.lua');
const PACE = new Script('./pace.lua');
const SEEN = new Script('./seen.lua');

/** Marks are counted by when they end, like keys: in steps of ten seconds or an eighth of their window, so that there are few steps, ms. */
const markEndOf = (now: number, windowMs: number): number => {
  const step = Math.max(10_000, Math.floor(windowMs / 8));
  return Math.ceil((now + windowMs) / step) * step;
};

const timeOf = (asks: readonly Timed<unknown>[]): number | '' => asks[0]?.now ?? '';

/** Decides on a batch of asks. All have the same `now`. */
export async function decide(deps: CallDeps, asks: readonly Timed<LimitAsk>[], mode: 'check' | 'peek'): Promise<LimitDecision[]> {
  const keys: string[] = [];
  const args: (string | number)[] = [timeOf(asks), mode];
  for (const { ask } of asks) {
    let shape = `${ask.cost ?? 1}`;
    for (const rule of ask.rules) {
      keys.push(`${deps.prefix}:${keyOf(ask.org, 'rate', rule)}`);
      shape += ` ${rule.limit} ${rule.windowMs}`;
    }
    args.push(shape);
  }
  const reply = await WINDOW.run(deps.commands, keys, args);
  for (let at = 1 + 3 * asks.length; at < reply.length; at += 2) deps.activeKeys.move(reply[at] as number, reply[at + 1] as number);
  const now = reply[0] as number;
  return asks.map(({ ask }, n) => {
    const [rule, count, waitMs] = [reply[1 + 3 * n] as number, reply[2 + 3 * n] as number, reply[3 + 3 * n] as number];
    return decisionOf(ask, { allowed: rule > 0, index: Math.abs(rule) - 1, count, waitMs, now }, 'redis');
  });
}

/** Reserves for a batch of asks. `maxWaitMs` below 0: a penalty of so many ms. */
export async function reserve(deps: CallDeps, asks: readonly Timed<ReserveAsk>[]): Promise<Reservation[]> {
  const keys: string[] = [];
  const args: (string | number)[] = [timeOf(asks)];
  for (const { ask } of asks) {
    args.push(ask.maxWaitMs, ask.rules.length);
    for (const rule of ask.rules) {
      keys.push(`${deps.prefix}:${keyOf(ask.org, 'pace', rule)}`);
      args.push(rule.intervalMs, rule.burst);
    }
  }
  const reply = await PACE.run(deps.commands, keys, args);
  const now = reply[0] as number;
  return asks.map(({ ask }, n) => {
    const [rule, waitMs] = [reply[1 + 2 * n] as number, reply[2 + 2 * n] as number];
    return reservationOf(ask, { allowed: rule > 0, index: Math.abs(rule) - 1, waitMs, now }, 'redis');
  });
}

/** Looks for a batch of marks, and leaves those that were not there. */
export async function look(deps: CallDeps, asks: readonly Timed<MarkAsk>[]): Promise<boolean[]> {
  const keys = asks.map(({ ask }) => `${deps.prefix}:${keyOf(ask.org, 'seen', { name: '', key: ask.hash })}`);
  const reply = await SEEN.run(deps.commands, keys, [timeOf(asks), ...asks.map(({ ask }) => ask.windowMs)]);
  const now = reply[asks.length] as number;
  return asks.map(({ ask }, n) => {
    const isDuplicate = reply[n] === 1;
    if (!isDuplicate) deps.activeMarks.move(0, markEndOf(now, ask.windowMs));
    return isDuplicate;
  });
}
