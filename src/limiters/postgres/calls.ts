import type { MarkAsk } from '../../domain/duplicate.ts';
import { decisionOf, reservationOf, type LimitAsk, type LimitDecision, type Reservation, type ReserveAsk } from '../../domain/limit.ts';
import { keyOf } from '../key.ts';
import type { Timed } from '../shared-limiter.ts';
import type { Queryable } from './schema.ts';

export interface CallDeps {
  database: Queryable;
  schema: string;
}

/** Keys, each once, and where each of them is (from 1). */
class Places {
  readonly keys: string[] = [];
  readonly #places = new Map<string, number>();

  of(key: string): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.keys.push(key));
    return this.keys.length;
  }
}

async function call({ database, schema }: CallDeps, name: string, values: unknown[]): Promise<number[]> {
  const places = values.map((_, n) => `$${n + 1}`).join(', ');
  const { rows } = await database.query(`select ${schema}.${name}(${places}) as answer`, values);
  const [row] = rows as { answer: (string | number)[] }[];
  return row?.answer.map(Number) ?? [];
}

const timeOf = (asks: readonly Timed<unknown>[]): number | null => asks[0]?.now ?? null;

/** Decides on a batch of asks. All have the same `now`. */
export async function decide(deps: CallDeps, asks: readonly Timed<LimitAsk>[], mode: 'check' | 'peek'): Promise<LimitDecision[]> {
  const places = new Places();
  const rules = asks.flatMap(({ ask }) => ask.rules.map((rule) => ({ ...rule, place: places.of(keyOf(ask.org, 'rate', rule)) })));
  const ofRules = [rules.map(({ place }) => place), rules.map(({ limit }) => limit), rules.map(({ windowMs }) => windowMs)];
  const ofAsks = [asks.map(({ ask }) => ask.cost ?? 1), asks.map(({ ask }) => ask.rules.length)];
  const [now = 0, ...answer] = await call(deps, 'rate_check', [places.keys, ...ofRules, ...ofAsks, timeOf(asks), mode === 'check']);
  return asks.map(({ ask }, n) => {
    const [rule, count, waitMs] = answer.slice(3 * n, 3 * n + 3) as [number, number, number];
    return decisionOf(ask, { allowed: rule > 0, index: Math.abs(rule) - 1, count, waitMs, now }, 'postgres');
  });
}

/** Reserves for a batch of asks. `maxWaitMs` below 0: a penalty of so many ms. */
export async function reserve(deps: CallDeps, asks: readonly Timed<ReserveAsk>[]): Promise<Reservation[]> {
  const places = new Places();
  const rules = asks.flatMap(({ ask }) => ask.rules.map((rule) => ({ ...rule, place: places.of(keyOf(ask.org, 'pace', rule)) })));
  const ofRules = [rules.map(({ place }) => place), rules.map(({ intervalMs }) => intervalMs), rules.map(({ burst }) => burst)];
  const ofAsks = [asks.map(({ ask }) => ask.maxWaitMs), asks.map(({ ask }) => ask.rules.length)];
  const [now = 0, ...answer] = await call(deps, 'rate_reserve', [places.keys, ...ofRules, ...ofAsks, timeOf(asks)]);
  return asks.map(({ ask }, n) => {
    const [rule, waitMs] = answer.slice(2 * n, 2 * n + 2) as [number, number];
    return reservationOf(ask, { allowed: rule > 0, index: Math.abs(rule) - 1, waitMs, now }, 'postgres');
  });
}

/** Looks for a batch of marks, and leaves those that were not there. */
export async function look(deps: CallDeps, asks: readonly Timed<MarkAsk>[]): Promise<boolean[]> {
  const places = new Places();
  const ofMarks = asks.map(({ ask }) => places.of(keyOf(ask.org, 'seen', { name: '', key: ask.hash })));
  const answer = await call(deps, 'rate_seen', [places.keys, ofMarks, asks.map(({ ask }) => ask.windowMs), timeOf(asks)]);
  return answer.map((isDuplicate) => isDuplicate === 1);
}

/** Keys and marks that still count. */
export async function active({ database, schema }: CallDeps): Promise<{ keys: number; marks: number }> {
  const { rows } = await database.query(
    `select count(*) filter (where not is_mark)::int as keys, count(*) filter (where is_mark)::int as marks from ${schema}.rate where expires_at > ${schema}.rate_clock()`,
  );
  return rows[0] as { keys: number; marks: number };
}

/** Deletes some of what is of no more use, and says how much; what another process has in hand is left to the next time. */
export async function prune({ database, schema }: CallDeps, atMost: number): Promise<number> {
  const { rows } = await database.query(
    `with gone as (
      delete from ${schema}.rate where key in (select key from ${schema}.rate where expires_at <= ${schema}.rate_clock() limit $1 for update skip locked) returning 1
    ) select count(*)::int as gone from gone`,
    [atMost],
  );
  return Number(rows[0]?.gone);
}
