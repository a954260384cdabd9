import type { Clock } from '../../domain/clock.ts';
import type { MarkAsk } from '../../domain/duplicate.ts';
import type { LimitAsk, LimitDecision, Reservation, ReserveAsk } from '../../domain/limit.ts';
import type { Limiter } from '../../ports/limiter.ts';
import { inTime } from '../deadline.ts';
import { SharedLimiter, type LimiterStore, type Timed } from '../shared-limiter.ts';
import { active, decide, look, prune, reserve, type CallDeps } from './calls.ts';
import { assertSchema, ensureSchema, type Queryable } from './schema.ts';

export type { Queryable } from './schema.ts';

export interface PostgresLimiterOptions {
  /** Its connections belong to the caller, and so does what ends a statement whose deadline has passed (`statement_timeout`). */
  database: Queryable;
  clock: Clock;
  /** Where the table and the functions live. Default `chasqui`. */
  schema?: string;
  /** Deadline of a decision, ms. */
  timeoutMs: number;
}

/** Decisions in one statement at the most. */
const MAX_BATCH = 128;
/** Between two deletions of what is of no more use, ms, and how much at once. */
const PRUNE_MS = 30_000;
const PRUNED = 5000;

class PostgresStore implements LimiterStore {
  readonly source = 'postgres';
  readonly isSpread = false;
  readonly #clock: Clock;
  readonly #deps: CallDeps;
  readonly #timeoutMs: number;
  #isClosed = false;
  #prunedAt: number;
  #pruning: Promise<void> = Promise.resolve();

  constructor(deps: CallDeps, { clock, timeoutMs }: Pick<PostgresLimiterOptions, 'clock' | 'timeoutMs'>) {
    this.#deps = deps;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#prunedAt = clock.monotonic();
  }

  decide(asks: Timed<LimitAsk>[], mode: 'check' | 'peek'): Promise<LimitDecision[]> {
    this.#pruneNowAndThen();
    return decide(this.#deps, asks, mode);
  }

  reserve(asks: Timed<ReserveAsk>[]): Promise<Reservation[]> {
    this.#pruneNowAndThen();
    return reserve(this.#deps, asks);
  }

  look(asks: Timed<MarkAsk>[]): Promise<boolean[]> {
    this.#pruneNowAndThen();
    return look(this.#deps, asks);
  }

  active(): Promise<{ keys: number; marks: number }> {
    return active(this.#deps);
  }

  assertReady(): void {}

  ping(): Promise<unknown> {
    return this.#deps.database.query('select 1');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await inTime(this.#pruning, this.#timeoutMs, this.#clock).catch(() => undefined);
  }

  /** What cannot be deleted now is deleted the next time. */
  #pruneNowAndThen(): void {
    const now = this.#clock.monotonic();
    if (now - this.#prunedAt < PRUNE_MS) return;
    this.#prunedAt = now;
    this.#pruning = this.#prune().catch(() => undefined);
  }

  /** Until nothing is left, however many keys come. */
  async #prune(): Promise<void> {
    while (!this.#isClosed && (await prune(this.#deps, PRUNED)) === PRUNED);
  }
}

/**
 * Limits shared by all processes that use this PostgreSQL (14 or newer), for deployments without Redis. Makes its table and functions when they are
 * missing. The counts survive a restart in good order, not a crash of the server, and are not replicated.
 *
 * @throws AppError `limit_invalid` when the schema's name cannot be used.
 */
export async function openPostgresLimiter(options: PostgresLimiterOptions): Promise<Limiter> {
  const { schema = 'chasqui', database, clock, timeoutMs } = options;
  assertSchema(schema);
  await ensureSchema(database, schema);
  return new SharedLimiter(new PostgresStore({ database, schema }, { clock, timeoutMs }), { clock, timeoutMs, maxBatch: MAX_BATCH });
}
