import { AppError } from '../domain/errors.ts';
import type { OperationId, OrgId } from '../domain/ids.ts';
import { legacyKey, legacyPrefix, type LegacyStage } from '../domain/legacy-job.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { LegacyCount, LegacyQueue } from '../ports/legacy-queue.ts';
import type { OperateDeps } from './operate-deps.ts';
import type { OperationWorks } from './operations/index.ts';
import { countRows, IMPORT_JOBS, type ImportDeps, type ImportParams } from './operations/import-jobs.ts';

/** The user's own table queue, as the configuration has it. */
export interface LegacyGate {
  /** Null: none is configured. */
  queue: LegacyQueue | null;
  types(): Readonly<Record<string, { kind: string; stage: LegacyStage }>>;
  orgId(): OrgId;
  /** @throws ConfigError for an address or a name that cannot be used; AppError when there is none to fall back on. */
  open(at: { from: string | null; table: string | null }): LegacyQueue;
}

/** Rows of one side that the other does not know. */
export interface LegacyGap {
  count: number;
  /** The first of them, by the row's id. */
  ids: string[];
}

export interface LegacyReport {
  source: string;
  types: Readonly<Record<string, { kind: string; stage: LegacyStage }>>;
  rows: LegacyCount[];
  /** Types of waiting rows that are mapped to no kind. */
  unmapped: string[];
  /** Taken by Chasqui, and no job of them is open. */
  withoutJob: LegacyGap;
  /** Jobs that are open, although their row is not Chasqui's, or gone. */
  withoutRow: LegacyGap;
  /** False: there is too much to look at all of it. */
  complete: boolean;
}

export interface ImportRequest {
  /** Address of another database than the configured one, without a password. */
  from?: string;
  table?: string;
  /** Kinds by type, instead of the configured ones. */
  types?: Record<string, string>;
}

export type ImportStarted = { kind: 'started'; operationId: OperationId; total: number } | { kind: 'busy'; operationId: OperationId };

export interface LegacyDesk {
  /** Null: no table queue is configured. */
  report(): Promise<LegacyReport | null>;
  /** Begins to take every waiting row. @throws AppError `import_refused`, `legacy_queue_failed`, or ConfigError. */
  importJobs(request: ImportRequest): Promise<ImportStarted>;
}

const PAGE = 500;
const PAGES = 40;
const SAMPLE = 20;

type Deps = Pick<OperateDeps, 'telemetry'> & { jobs: Pick<Jobs, 'keyed' | 'openKeys'>; gate: LegacyGate; imports: ImportDeps; operations: Pick<OperationWorks, 'start'> };

/** Follows pages to their end, or to the end of patience. */
async function everyPage<T>(read: (after: T | null) => Promise<T[]>, look: (page: T[]) => Promise<void>): Promise<boolean> {
  let last: T | null = null;
  for (let pages = 0; pages < PAGES; pages++) {
    const page: T[] = await read(last);
    await look(page);
    if (page.length < PAGE) return true;
    last = page.at(-1) ?? null;
  }
  return false;
}

function gapOf(): LegacyGap & { add(id: string): void } {
  const gap = { count: 0, ids: [] as string[], add };
  function add(id: string): void {
    gap.count += 1;
    if (gap.ids.length < SAMPLE) gap.ids.push(id);
  }
  return gap;
}

async function withoutJob({ jobs }: Deps, queue: LegacyQueue, types: string[]): Promise<{ gap: LegacyGap; complete: boolean }> {
  const gap = gapOf();
  const complete = await everyPage<{ id: string }>(
    (last) => queue.held(types, { after: last?.id ?? null, limit: PAGE }),
    async (page) => {
      const open = new Set((await jobs.keyed(page.map(({ id }) => legacyKey(queue.source, id)))).filter(({ state }) => state !== 'completed' && state !== 'cancelled').map(({ key }) => key));
      for (const { id } of page) if (!open.has(legacyKey(queue.source, id))) gap.add(id);
    },
  );
  return { gap: { count: gap.count, ids: gap.ids }, complete };
}

async function withoutRow({ jobs }: Deps, queue: LegacyQueue): Promise<{ gap: LegacyGap; complete: boolean }> {
  const gap = gapOf();
  const prefix = legacyPrefix(queue.source);
  const complete = await everyPage<{ key: string; state: string }>(
    (last) => jobs.openKeys({ prefix, after: last?.key ?? null, limit: PAGE }),
    async (page) => {
      const ids = page.map(({ key }) => key.slice(prefix.length));
      const statuses = ids.length > 0 ? await queue.statuses(ids) : new Map<string, string>();
      for (const id of ids) if (!['reserved', 'claimed', 'dead'].includes(statuses.get(id) ?? '')) gap.add(id);
    },
  );
  return { gap: { count: gap.count, ids: gap.ids }, complete };
}

async function report(deps: Deps): Promise<LegacyReport | null> {
  const { queue, types } = deps.gate;
  if (!queue) return null;
  const known = types();
  const rows = await queue.counts();
  const [inTable, inChasqui] = [await withoutJob(deps, queue, Object.keys(known)), await withoutRow(deps, queue)];
  const unmapped = rows.filter(({ type, status }) => status === 'pending' && !Object.hasOwn(known, type)).map(({ type }) => type);
  return {
    source: queue.source, types: known, rows, unmapped, withoutJob: inTable.gap, withoutRow: inChasqui.gap, complete: inTable.complete && inChasqui.complete,
  };
}

function refuseSecrets(from: string): void {
  const isAddress = URL.canParse(from);
  if (isAddress && new URL(from).password === '' && !new URL(from).searchParams.has('password')) return;
  const why = isAddress ? 'holds a password, which would be kept with the operation' : 'is not an address';
  throw new AppError('import_refused', `from ${why}: write postgres://user@host:5432/database and give the password as PGPASSWORD to the processes, or set legacyQueue.url and leave it out`);
}

/** @throws AppError `import_refused` when nothing says which types to take. */
function paramsOf({ gate }: Deps, { from, table, types }: ImportRequest): ImportParams {
  if (from !== undefined) refuseSecrets(from);
  if (from !== undefined || table !== undefined || types !== undefined) {
    const kinds = types ?? Object.fromEntries(Object.entries(gate.types()).map(([type, { kind }]) => [type, kind]));
    if (Object.keys(kinds).length > 0) return { mode: 'moved', kinds, from: from ?? null, table: table ?? null };
    throw new AppError('import_refused', 'say which types to take, as type=kind: other rows stay where they are');
  }
  if (!gate.queue) throw new AppError('import_refused', 'no legacyQueue is configured: set it, or say from where, which table and which types');
  const moving = Object.entries(gate.types()).filter(([, { stage }]) => stage !== 'shadow');
  if (moving.length > 0) return { mode: 'followed', kinds: Object.fromEntries(moving.map(([type, { kind }]) => [type, kind])) };
  throw new AppError('import_refused', 'every type is in the stage shadow, so the old workers have them: move one to both or chasqui');
}

async function importJobs(deps: Deps, request: ImportRequest): Promise<ImportStarted> {
  const params = paramsOf(deps, request);
  const total = await countRows(deps.imports, params);
  const { operation, isNew } = await deps.operations.start(IMPORT_JOBS, total, params);
  if (!isNew) return { kind: 'busy', operationId: operation.id };
  deps.telemetry.log.warn({ operationId: operation.id, total, mode: params.mode }, 'an import of jobs was started');
  return { kind: 'started', operationId: operation.id, total };
}

export function createLegacyDesk(deps: Deps): LegacyDesk {
  return { report: () => report(deps), importJobs: (request) => importJobs(deps, request) };
}
