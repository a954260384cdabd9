import type { Clock, Random } from '../../domain/clock.ts';
import { cleanJson, cleanValues } from './clean-json.ts';
import type { BatchCommand, EncodedCall, Rows, SingleCommand } from './command.ts';
import type { Connections } from './connections.ts';
import { failureKind } from './failure.ts';

export interface DatabaseDeps {
  connections: Connections;
  schema: string;
  /** Decides instead of the database's clock, for tests. */
  override: Pick<Clock, 'now'> | null;
  clock: Clock;
  random: Random;
}

/** How often a statement that was rolled back through no fault of its own, or whose connection was cut, is tried in all. */
const TRIES = 5;
/** Longest pause between two tries, ms. */
const PAUSE_MS = 20;

interface FunctionRow {
  replies: unknown;
  at: number;
}

/** Runs the schema's functions and statements, and watches the store's clock. */
export class Database {
  readonly #deps: DatabaseDeps;
  /** The latest instant seen on the store's clock since it was last set back, as far as this process knows. */
  highest: number | null = null;

  constructor(deps: DatabaseDeps) {
    this.#deps = deps;
  }

  /** `null` leaves time to the database. */
  get at(): number | null {
    return this.#deps.override?.now() ?? null;
  }

  /** One call by itself. */
  async callOne(command: SingleCommand, call: EncodedCall): Promise<unknown> {
    const { replies } = await this.#call(command, call);
    return command.decode(replies as never, call);
  }

  /** The answers by index; calls that were fenced off have none. */
  async callMany(command: BatchCommand, calls: EncodedCall[]): Promise<Map<number, unknown>> {
    const numbered = calls.map((call, n) => ({ n, ...call }));
    const { replies, at } = await this.#call(command, numbered);
    if (command.name === 'claim') this.highest = at;
    const pairs = (replies ?? []) as [number, never][];
    return new Map(pairs.map(([n, value]) => [n, command.decode(value, calls[n] as EncodedCall)]));
  }

  /** A statement by its text. */
  async run(text: string, values: unknown[], repeatable: boolean): Promise<Rows> {
    return this.#repeated(() => this.#deps.connections.run(text, cleanValues(values)), repeatable) as Promise<unknown> as Promise<Rows>;
  }

  async #call(command: BatchCommand | SingleCommand, argument: unknown): Promise<FunctionRow> {
    const { schema, connections } = this.#deps;
    const text = `select ${schema}.${command.name}($1::json, $2::bigint) as replies, coalesce($2::bigint, ${schema}.clock()) as at`;
    const values = [cleanJson(argument), this.at];
    const { rows } = await this.#repeated(() => connections.run(text, values, command.name), command.repeatable);
    const row = rows[0] as FunctionRow;
    this.highest = Math.max(this.highest ?? row.at, row.at);
    return row;
  }

  async #repeated<T>(run: () => Promise<T>, repeatable: boolean): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await run();
      } catch (error) {
        const kind = failureKind(error);
        const again = kind === 'again' || (kind === 'cut' && repeatable);
        if (!again || tries >= TRIES) throw error;
        await this.#deps.clock.sleep(this.#deps.random() * PAUSE_MS * tries);
      }
    }
  }
}
