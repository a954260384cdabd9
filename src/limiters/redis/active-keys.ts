import type { Clock } from '../../domain/clock.ts';
import type { RedisCommands } from './client.ts';
import { Script } from './script.ts';

const ACTIVE = new Script('./active.lua');

/** How long counts may be in this process only, ms. */
const FLUSH_MS = 1000;
/** Longer than any window, ms. */
const KEPT_MS = 32 * 86_400_000;

/**
 * How many keys are active, without looking at the keys: each script says when a key's end has moved from one step to another, the process sums that
 * up, and once a second adds the sums to one hash, `end of step → keys`. What a killed process had not yet added goes wrong only until those keys end.
 */
export class ActiveKeys {
  readonly #commands: RedisCommands;
  readonly #clock: Clock;
  readonly #key: string;
  #moves = new Map<number, number>();
  #waiting: AbortController | null = null;
  #adding: Promise<unknown> = Promise.resolve();

  constructor(commands: RedisCommands, clock: Clock, key: string) {
    this.#commands = commands;
    this.#clock = clock;
    this.#key = key;
  }

  /** A key that ended at `from` (0: it is new) ends at `to`. */
  move(from: number, to: number): void {
    if (from > 0) this.#add(from, -1);
    this.#add(to, 1);
    if (!this.#waiting) void this.#flushSoon();
  }

  /** Keys that are active at `now`, UTC ms, over all processes. */
  async count(now: number): Promise<number> {
    const moves = this.#moves;
    this.#moves = new Map();
    const args = [...moves].filter(([, change]) => change !== 0).flat();
    const counted = ACTIVE.run(this.#commands, [this.#key], [now, KEPT_MS, ...args]) as Promise<unknown>;
    this.#adding = counted.catch(() => undefined);
    return Math.max(0, Number(await counted));
  }

  /** Adds what is left. What cannot be added is lost. */
  async close(): Promise<void> {
    this.#waiting?.abort();
    if (this.#moves.size > 0 && this.#commands.isReady()) await this.count(this.#clock.now()).catch(() => undefined);
    await this.#adding;
  }

  #add(end: number, change: number): void {
    this.#moves.set(end, (this.#moves.get(end) ?? 0) + change);
  }

  async #flushSoon(): Promise<void> {
    this.#waiting = new AbortController();
    await this.#clock.sleep(FLUSH_MS, this.#waiting.signal).catch(() => undefined);
    const isClosing = this.#waiting.signal.aborted;
    this.#waiting = null;
    if (!isClosing && this.#commands.isReady()) await this.count(this.#clock.now()).catch(() => undefined);
  }
}
