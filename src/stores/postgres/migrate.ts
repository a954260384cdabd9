import type pg from 'pg';
import type { Connections } from './connections.ts';
import { readMigrations, type Migration } from './sql-files.ts';

/**
 * Number of the last migration that the schema has seen; 0 when there is no schema yet. Asked of the catalogue's tables: `to_regclass` answers from
 * a cache that waiting for the lock does not refresh.
 */
async function versionOf(run: Connections['run'], schema: string): Promise<number> {
  const found = await run(`select exists (select from pg_catalog.pg_tables where schemaname = $1 and tablename = 'migration') as yes`, [schema]);
  if (!found.rows[0]?.yes) return 0;
  const { rows } = await run(`select coalesce(max(number), 0)::int as number from ${schema}.migration`, []);
  return rows[0].number as number;
}

/** How long one statement of a migration may take, and the wait for another starter: what rebuilds a large table takes longer than a call may, ms. */
const STEP_MS = 600_000;

/** One statement, with its own deadline here: the client's is a call's. */
function step(client: pg.ClientBase, text: string, values?: unknown[]): Promise<pg.QueryResult> {
  const query: pg.QueryConfig & Pick<pg.ClientConfig, 'query_timeout'> = { text, values, query_timeout: STEP_MS };
  return client.query(query);
}

/**
 * Brings the schema to this version, in one transaction. Of two starters at once, one waits for the other (an advisory lock that ends with the
 * transaction) and then finds nothing to do. A schema that is newer than this program is left as it is.
 */
export async function migrate(connections: Connections, schema: string): Promise<void> {
  const migrations = readMigrations(schema);
  const wanted = migrations.at(-1)?.number ?? 0;
  if ((await versionOf((text, values) => connections.run(text, values), schema)) >= wanted) return;
  await connections.transaction(async (client) => {
    const run: Connections['run'] = (text, values) => step(client, text, values);
    await run(`set local statement_timeout = ${STEP_MS}`, []);
    await run('select pg_advisory_xact_lock(hashtext($1))', [`${schema}.migration`]);
    const version = await versionOf(run, schema);
    if (version === 0) await prepare(run, schema);
    for (const migration of migrations) if (migration.number > version) await apply((text, values) => step(client, text, values), schema, migration);
  });
}

async function prepare(run: Connections['run'], schema: string): Promise<void> {
  const { rows } = await run('select exists (select from pg_catalog.pg_namespace where nspname = $1) as yes', [schema]);
  if (!rows[0]?.yes) await run(`create schema ${schema}`, []);
  await run(`create table if not exists ${schema}.migration (number integer primary key, name text not null, applied_at timestamptz not null default now())`, []);
}

async function apply(query: (sql: string, values?: unknown[]) => Promise<unknown>, schema: string, migration: Migration): Promise<void> {
  await query(migration.sql);
  await query(`insert into ${schema}.migration (number, name) values ($1, $2)`, [migration.number, migration.name]);
}
