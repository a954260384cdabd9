import { readFileSync } from 'node:fs';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

export type Value = SQLInputValue;

/** `-- name: x` starts the statement called x. */
function namedStatements(file: string): Map<string, string> {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  const named = new Map<string, string>();
  for (const block of text.split(/^-- name: /m).slice(1)) {
    const end = block.indexOf('\n');
    named.set(block.slice(0, end).trim(), block.slice(end + 1).trim());
  }
  return named;
}

/** The named statements of the `.sql` files beside this one, prepared when first used. Parameters are positional. */
export class Statements {
  readonly #db: DatabaseSync;
  readonly #sql: Map<string, string>;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, files: string[]) {
    this.#db = db;
    this.#sql = new Map(files.flatMap((file) => [...namedStatements(file)]));
  }

  one<Row>(name: string, ...values: Value[]): Row | undefined {
    return this.#statement(name).get(...values) as Row | undefined;
  }

  all<Row>(name: string, ...values: Value[]): Row[] {
    return this.#statement(name).all(...values) as Row[];
  }

  /** Rows one at a time; stop early and the rest is never computed. */
  each<Row>(name: string, ...values: Value[]): Iterable<Row> {
    return this.#statement(name).iterate(...values) as Iterable<Row>;
  }

  /** Returns how many rows changed. */
  run(name: string, ...values: Value[]): number {
    return Number(this.#statement(name).run(...values).changes);
  }

  #statement(name: string): StatementSync {
    let statement = this.#prepared.get(name);
    if (!statement) {
      const sql = this.#sql.get(name);
      if (sql === undefined) throw new TypeError(`no statement named ${name}`);
      statement = this.#db.prepare(sql);
      this.#prepared.set(name, statement);
    }
    return statement;
  }
}
