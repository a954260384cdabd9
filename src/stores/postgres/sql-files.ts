import { readdirSync, readFileSync } from 'node:fs';
import { ConfigError } from '../../domain/errors.ts';

/** Schema in the files; another one is put in its place when asked for. */
const WRITTEN = /\bchasqui\./g;

/** Rewrites qualified names to a schema. @throws ConfigError when the name is not plain: it becomes part of statements. */
export function inSchema(schema: string): (sql: string) => string {
  if (!/^[a-z_][a-z0-9_]{0,50}$/.test(schema)) {
    throw new ConfigError(`schema must be lower-case letters, digits and underscores, at most 51 of them, and not "${schema}"`);
  }
  return (sql) => sql.replaceAll(WRITTEN, `${schema}.`);
}

export interface Migration {
  number: number;
  name: string;
  sql: string;
}

/** The numbered migrations beside this file, in order. */
export function readMigrations(schema: string): Migration[] {
  const folder = new URL('./migrations/', import.meta.url);
  const rewrite = inSchema(schema);
  const names = readdirSync(folder).filter((name) => name.endsWith('.sql')).toSorted();
  return names.map((name) => ({ number: Number.parseInt(name, 10), name, sql: rewrite(readFileSync(new URL(name, folder), 'utf8')) }));
}

/** The named statements of `reads.sql`: `-- name: x` starts the statement called x. */
export function readStatements(schema: string): (name: string) => string {
  const text = inSchema(schema)(readFileSync(new URL('./reads.sql', import.meta.url), 'utf8'));
  const named = new Map<string, string>();
  for (const block of text.split(/^-- name: /m).slice(1)) {
    const end = block.indexOf('\n');
    named.set(block.slice(0, end).trim(), block.slice(end + 1).trim());
  }
  return (name) => {
    const sql = named.get(name);
    if (sql === undefined) throw new TypeError(`no statement named ${name}`);
    return sql;
  };
}
