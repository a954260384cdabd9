import pg from 'pg';
import { AppError, ConfigError } from '../../domain/errors.ts';
import type { HeldRow, LegacyCount, LegacyQueue, LegacyRow, LegacyStatus } from '../../ports/legacy-queue.ts';
import { DEFAULT_COLUMNS, DEFAULT_STATUSES, type LegacyColumns, type LegacyStatuses } from './columns.ts';
import { statementsFor, type Statements } from './statements.ts';

export type { LegacyColumns, LegacyStatuses } from './columns.ts';

export interface LegacyTableOptions {
  /** `postgres://user:password@host:port/database` */
  url: string;
  /** `integration_job`, or with its schema: `app.integration_job`. */
  table: string;
  columns?: Partial<LegacyColumns>;
  statuses?: Partial<LegacyStatuses>;
  /** Deadline of every call, ms. Default 5000. */
  timeoutMs?: number;
}

interface Row {
  id: string;
  type: string;
  payload: unknown;
  due_in_ms: number;
  status: string;
}

/** A column of text may hold JSON, or anything else. */
function decoded(payload: unknown): unknown {
  if (typeof payload !== 'string') return payload;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

const rowOf = ({ id, type, payload, due_in_ms }: Row): LegacyRow => ({ id, type, payload: decoded(payload), dueInMs: Math.max(0, Math.round(due_in_ms)) });

/** Where the table is, without user or password. */
function sourceOf(url: string, table: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || 5432}${pathname}/${table}`;
}

class LegacyTable implements LegacyQueue {
  readonly source: string;
  readonly #pool: pg.Pool;
  readonly #sql: Statements;
  readonly #statuses: LegacyStatuses;

  constructor(options: LegacyTableOptions) {
    const { url, table, timeoutMs = 5_000 } = options;
    this.#statuses = { ...DEFAULT_STATUSES, ...options.statuses };
    this.#sql = statementsFor(table, { ...DEFAULT_COLUMNS, ...options.columns }, this.#statuses);
    this.source = sourceOf(url, table);
    this.#pool = new pg.Pool({
      // No statement_timeout: a pooler refuses connections that ask for one (https://www.pgbouncer.org/config.html#ignore_startup_parameters).
      connectionString: url, max: 2, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs, idleTimeoutMillis: 10_000,
      application_name: 'chasqui-legacy-queue',
    });
    // An idle connection that ends: the next call makes another one, and fails by itself if it cannot.
    this.#pool.on('error', () => undefined);
  }

  async check(): Promise<void> {
    await this.#run(this.#sql.check, []);
  }

  async reserve(types: string[], limit: number): Promise<LegacyRow[]> {
    return (await this.#rows(this.#sql.reserve, [types, limit])).map(rowOf);
  }

  async take(types: string[], { after, limit, as }: { after: string | null; limit: number; as: 'reserved' | 'moving' }): Promise<LegacyRow[]> {
    const from = after === null ? this.#sql.takeFirst : this.#sql.takeAfter;
    return (await this.#rows(from, [types, limit, this.#statuses[as], ...(after === null ? [] : [after])])).map(rowOf);
  }

  async moved(ids: string[]): Promise<void> {
    await this.#run(this.#sql.moved, [ids]);
  }

  async giveBack(except: string[]): Promise<number> {
    return (await this.#run(this.#sql.giveBack, [except])).rowCount ?? 0;
  }

  async begin(id: string, attempt: number): Promise<'begun' | LegacyStatus | null> {
    if (((await this.#run(this.#sql.begin, [id, attempt])).rowCount ?? 0) > 0) return 'begun';
    return (await this.statuses([id])).get(id) ?? null;
  }

  async end(id: string, end: 'completed' | 'dead'): Promise<void> {
    await this.#run(this.#sql.end, [id, this.#statuses[end]]);
  }

  async held(types: string[], { after, limit }: { after: string | null; limit: number }): Promise<HeldRow[]> {
    const rows = await this.#rows(after === null ? this.#sql.heldFirst : this.#sql.heldAfter, [types, limit, ...(after === null ? [] : [after])]);
    return rows.map((row) => ({ ...rowOf(row), status: this.#status(row.status) }));
  }

  async statuses(ids: string[]): Promise<Map<string, LegacyStatus>> {
    const rows = await this.#rows(this.#sql.statuses, [ids]);
    return new Map(rows.map((row) => [row.id, this.#status(row.status)]));
  }

  async counts(): Promise<LegacyCount[]> {
    const { rows } = (await this.#run(this.#sql.counts, [])) as { rows: { type: string; status: string; count: string }[] };
    return rows.map(({ type, status, count }) => ({ type, status: this.#status(status), count: Number(count) }));
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  #status(name: string): LegacyStatus {
    const known = Object.entries(this.#statuses).find(([, value]) => value === name)?.[0];
    return (known as LegacyStatus | undefined) ?? 'other';
  }

  async #rows(sql: string, values: unknown[]): Promise<Row[]> {
    return (await this.#run(sql, values)).rows as Row[];
  }

  async #run(sql: string, values: unknown[]): Promise<pg.QueryResult> {
    try {
      return await this.#pool.query(sql, values);
    } catch (error) {
      throw new AppError('legacy_queue_failed', `the legacy queue ${this.source} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

/**
 * A table queue in a PostgreSQL of the user's own. Connects when first used.
 * @throws ConfigError for an address that is none, or names that are not plain identifiers.
 */
export function openLegacyTable(options: LegacyTableOptions): LegacyQueue {
  if (!/^postgres(ql)?:\/\//.test(options.url) || !URL.canParse(options.url)) {
    throw new ConfigError('the address of a legacy queue must be postgres://user:password@host:5432/database');
  }
  return new LegacyTable(options);
}
