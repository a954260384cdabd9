import type { Clock } from '../../domain/clock.ts';
import type { MarkAsk } from '../../domain/duplicate.ts';
import { AppError } from '../../domain/errors.ts';
import { LimiterUnavailable, type LimitAsk, type LimitDecision, type Reservation, type ReserveAsk } from '../../domain/limit.ts';
import type { Limiter } from '../../ports/limiter.ts';
import { inTime } from '../deadline.ts';
import { SharedLimiter, type LimiterStore, type Timed } from '../shared-limiter.ts';
import { ActiveKeys } from './active-keys.ts';
import { decide, look, reserve, type CallDeps } from './calls.ts';
import { readyWithin, type RedisCommands } from './client.ts';

export { commandsOf, connectRedis, type RedisClient, type RedisCommands } from './client.ts';

export interface RedisLimiterOptions {
  commands: RedisCommands;
  clock: Clock;
  /** Keys are `{prefix}:{org}:…`. 1 to 100 letters, digits, `_`, `.`, `:`, `-`. */
  prefix: string;
  /** Deadline of a decision, ms. */
  timeoutMs: number;
  /** Decisions in one call at the most, 1 to 128 (the default). */
  maxBatch?: number;
}

/** Keys and arguments of a script are values on Lua's stack, of which there are 8,000: 128 asks of 8 rules stay well below. */
const MAX_BATCH = 128;
/** Pings in a row that may fail before the connection itself is in doubt. */
const SILENT_PINGS = 4;
/** How long to wait for the first connection, ms. */
const CONNECT_MS = 1000;

class RedisStore implements LimiterStore {
  readonly source = 'redis';
  readonly isSpread: boolean;
  readonly #options: RedisLimiterOptions;
  readonly #deps: CallDeps;
  #silentPings = 0;

  constructor(options: RedisLimiterOptions) {
    const { commands, clock, prefix } = options;
    const activeOf = (kind: 'rate' | 'seen'): ActiveKeys => new ActiveKeys(commands, clock, `${prefix}:{active}:${kind}`);
    this.isSpread = commands.isCluster;
    this.#options = options;
    this.#deps = { commands, prefix, activeKeys: activeOf('rate'), activeMarks: activeOf('seen') };
  }

  decide(asks: Timed<LimitAsk>[], mode: 'check' | 'peek'): Promise<LimitDecision[]> {
    return decide(this.#deps, asks, mode);
  }

  reserve(asks: Timed<ReserveAsk>[]): Promise<Reservation[]> {
    return reserve(this.#deps, asks);
  }

  look(asks: Timed<MarkAsk>[]): Promise<boolean[]> {
    return look(this.#deps, asks);
  }

  async active(): Promise<{ keys: number; marks: number }> {
    const now = this.#options.clock.now();
    const [keys, marks] = await Promise.all([this.#deps.activeKeys.count(now), this.#deps.activeMarks.count(now)]);
    return { keys, marks };
  }

  assertReady(): void {
    if (!this.#options.commands.isReady()) throw new LimiterUnavailable('there is no connection to Redis');
  }

  async ping(): Promise<void> {
    // Until its answer arrives it counts as one without.
    this.#silentPings += 1;
    if (this.#silentPings % SILENT_PINGS === 0) this.#options.commands.reconnect();
    // A client that keeps commands for later would keep one for every ping.
    this.assertReady();
    await this.#options.commands.send('PING', []);
    this.#silentPings = 0;
  }

  async close(): Promise<void> {
    const { clock, timeoutMs, commands } = this.#options;
    const counted = Promise.all([this.#deps.activeKeys.close(), this.#deps.activeMarks.close()]);
    // What cannot be added in time is lost, and ends by itself.
    await inTime(counted, timeoutMs, clock).catch(() => undefined);
    commands.close();
  }
}

function problemOf({ prefix, maxBatch = MAX_BATCH }: RedisLimiterOptions): string | null {
  if (!/^[\w.:-]{1,100}$/.test(prefix)) return `prefix must be 1 to 100 letters, digits, "_", ".", ":" or "-", not "${prefix}"`;
  const isWithin = Number.isSafeInteger(maxBatch) && maxBatch >= 1 && maxBatch <= MAX_BATCH;
  return isWithin ? null : `maxBatch must be from 1 to ${MAX_BATCH}, not ${maxBatch}`;
}

/**
 * Limits shared by all processes that use this Redis (6.2 or newer, or Valkey; a Cluster, too). What it allowed in the last moments before a failover
 * may be unknown to the replica that takes over, since Redis replicates asynchronously; nothing else allows more than the limit. Resolves when there is
 * a connection, or after a second without one: decisions fail at once until there is.
 *
 * @throws AppError `limit_invalid` when the prefix or maxBatch cannot be used.
 */
export async function openRedisLimiter(options: RedisLimiterOptions): Promise<Limiter> {
  const { commands, clock, timeoutMs, maxBatch = MAX_BATCH } = options;
  const problem = problemOf(options);
  if (problem) {
    commands.close();
    throw new AppError('limit_invalid', problem);
  }
  await readyWithin(commands, CONNECT_MS, clock);
  return new SharedLimiter(new RedisStore(options), { clock, timeoutMs, maxBatch });
}
