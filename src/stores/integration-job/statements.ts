import { ConfigError } from '../../domain/errors.ts';
import type { LegacyColumns, LegacyStatuses } from './columns.ts';

const PLAIN = /^[a-z_][a-z0-9_]{0,62}$/i;

/** A name as part of a statement. @throws ConfigError when it is not plain. */
function quoted(name: string): string {
  if (PLAIN.test(name)) return `"${name}"`;
  throw new ConfigError(`legacyQueue: "${name}" must be a plain name of letters, digits and underscores`);
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export type Statements = ReturnType<typeof statementsFor>;

/** A row as its reader wants it. `due_in_ms` by the database's clock. */
function selected(c: LegacyColumns, from: string): string {
  const due = c.runAt === null ? '0' : `coalesce(extract(epoch from ${from}.${quoted(c.runAt)} - now()) * 1000, 0)`;
  return `${from}.${quoted(c.id)}::text as id, ${from}.${quoted(c.type)} as type, ${from}.${quoted(c.payload)} as payload, (${due})::float8 as due_in_ms, ${from}.${quoted(c.status)} as status`;
}

/**
 * The statements for one table. What decides who has a row is a condition on its status in the statement that changes it: under READ COMMITTED
 * an update that waited for another one looks at the row again (https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED).
 */
export function statementsFor(tableName: string, c: LegacyColumns, s: LegacyStatuses) {
  const table = tableName.split('.').map(quoted).join('.');
  const [id, type, status] = [quoted(c.id), quoted(c.type), quoted(c.status)];
  const runAt = c.runAt === null ? null : quoted(c.runAt);
  const due = runAt === null ? '' : `and (${runAt} is null or ${runAt} <= now())`;
  const order = runAt === null ? id : `${runAt} nulls first, ${id}`;
  const attempts = c.attempts === null ? '' : `, ${quoted(c.attempts)} = greatest(coalesce(${quoted(c.attempts)}, 0), $2)`;
  const finished = (value: string): string => (c.finishedAt === null ? '' : `, ${quoted(c.finishedAt)} = ${value}`);
  const [pending, reserved, claimed, dead, moving, moved] = [s.pending, s.reserved, s.claimed, s.dead, s.moving, s.moved].map(literal) as [string, string, string, string, string, string];
  const take = (after: string): string => `
    with page as (
      select ${id} as page_id from ${table} where ${status} in (${pending}, $3) and ${type} = any($1::text[]) ${after} order by ${id} limit $2 for update skip locked
    ), taken as (
      update ${table} t set ${status} = $3 from page where t.${id} = page.page_id returning page.page_id, ${selected(c, 't')}
    )
    select * from taken order by page_id`;
  const held = (after: string): string =>
    `select ${selected(c, 't')} from ${table} t where t.${status} in (${reserved}, ${claimed}) and t.${type} = any($1::text[]) ${after} order by t.${id} limit $2`;
  return {
    check: `select ${[id, type, quoted(c.payload), status, ...(runAt ? [runAt] : []), ...[c.attempts, c.finishedAt].flatMap((name) => (name === null ? [] : [quoted(name)]))].join(', ')} from ${table} limit 0`,
    reserve: `
      with page as (
        select ${id} as page_id from ${table} where ${status} = ${pending} and ${type} = any($1::text[]) ${due} order by ${order} limit $2 for update skip locked
      ), taken as (
        update ${table} t set ${status} = ${reserved} from page where t.${id} = page.page_id returning page.page_id, ${selected(c, 't')}
      )
      select * from taken order by page_id`,
    takeFirst: take(''),
    takeAfter: take(`and ${id} > $4`),
    moved: `update ${table} set ${status} = ${moved} where ${id} = any($1) and ${status} = ${moving}`,
    giveBack: `update ${table} set ${status} = ${pending} where ${status} = ${reserved} and ${type} <> all($1::text[])`,
    begin: `update ${table} set ${status} = ${claimed}${attempts}${finished('null')} where ${id} = $1 and $2::bigint > 0 and ${status} in (${reserved}, ${claimed}, ${dead})`,
    end: `update ${table} set ${status} = $2${finished('now()')} where ${id} = $1 and ${status} in (${reserved}, ${claimed}, ${dead})`,
    heldFirst: held(''),
    heldAfter: held(`and t.${id} > $3`),
    statuses: `select ${id}::text as id, ${status} as status from ${table} where ${id} = any($1)`,
    counts: `select ${type} as type, ${status} as status, count(*) as count from ${table} group by 1, 2 order by 1, 2`,
  };
}
