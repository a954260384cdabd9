import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AppError } from '../../domain/errors.ts';

/** A pool of `pg`, or whatever runs statements as it does. */
export interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

/** Rewrites the names in `schema.sql` to another schema. */
function schemaSql(schema: string): string {
  const text = readFileSync(new URL('./schema.sql', import.meta.url), 'utf8');
  return text.replaceAll(/\bchasqui\b/g, schema);
}

/** @throws AppError `limit_invalid` when the name is not plain: it becomes part of statements. */
export function assertSchema(schema: string): void {
  if (!/^[a-z_][a-z0-9_]{0,50}$/.test(schema)) throw new AppError('limit_invalid', `schema must be lower-case letters, digits and underscores, not "${schema}"`);
}

/** Makes the table and the functions, or brings them to this version: the digest of their text is kept as the table's comment. */
export async function ensureSchema(database: Queryable, schema: string): Promise<void> {
  const sql = schemaSql(schema);
  const version = `limiter ${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`;
  const found = await database.query('select obj_description(to_regclass($1), $2) as version', [`${schema}.rate`, 'pg_class']);
  if (found.rows[0]?.version === version) return;
  // Several statements in one message are one transaction.
  await database.query(`${sql}\ncomment on table ${schema}.rate is '${version}';`);
}
