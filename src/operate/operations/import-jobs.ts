import type { NewId, OrgId, LaneId } from '../../domain/ids.ts';
import { followedJob, movedJob, type LegacyDestination } from '../../domain/legacy-job.ts';
import type { NewJob } from '../../domain/job.ts';
import type { LegacyQueue, LegacyRow } from '../../ports/legacy-queue.ts';
import type { Mailbox } from '../../ports/mailbox.ts';
import type { OperationKind } from './kind.ts';

export const IMPORT_JOBS = 'import_jobs';

/** Rows in one step. */
const PAGE = 200;

/**
 * `followed`: the rows of the configured queue follow what becomes of their jobs. `moved`: once and for all; the table only remembers that the row
 * has gone. Never holds a password.
 */
export type ImportParams =
  | { mode: 'followed'; kinds: Record<string, string> }
  | { mode: 'moved'; kinds: Record<string, string>; from: string | null; table: string | null };

export interface ImportDeps {
  mailbox: Pick<Mailbox, 'addJob'>;
  newId: NewId;
  wake: (laneId: LaneId, inMs?: number) => void;
  orgId(): OrgId;
  /** Opens the table; the caller closes it. */
  open(at: { from: string | null; table: string | null }): LegacyQueue;
}

const openFor = (deps: ImportDeps, params: ImportParams): LegacyQueue => deps.open(params.mode === 'moved' ? params : { from: null, table: null });

/** Rows that are waiting for somebody. */
export async function countRows(deps: ImportDeps, params: ImportParams): Promise<number> {
  const queue = openFor(deps, params);
  try {
    await queue.check();
    const rows = (await queue.counts()).filter(({ type, status }) => status === 'pending' && Object.hasOwn(params.kinds, type));
    return rows.reduce((sum, { count }) => sum + count, 0);
  } finally {
    await queue.close();
  }
}

async function addOne(deps: ImportDeps, job: NewJob & { orgId: OrgId }): Promise<void> {
  const { laneId, isNew } = await deps.mailbox.addJob({ ...job, laneId: deps.newId('lane') });
  if (isNew) deps.wake(laneId, job.inMs);
}

/** Marking a row comes before its job, and a row that is only marked is taken once more; its key has one job. */
async function importPage(deps: ImportDeps, queue: LegacyQueue, at: { params: ImportParams; after: string | null }): Promise<LegacyRow[]> {
  const { params, after } = at;
  const isMove = params.mode === 'moved';
  const rows = await queue.take(Object.keys(params.kinds), { after, limit: PAGE, as: isMove ? 'moving' : 'reserved' });
  const destination = (row: LegacyRow): LegacyDestination => ({ source: queue.source, orgId: deps.orgId(), kind: params.kinds[row.type] as string });
  await Promise.all(rows.map((row) => addOne(deps, isMove ? movedJob(row, destination(row)) : followedJob(row, destination(row)))));
  if (isMove) await queue.moved(rows.map(({ id }) => id));
  return rows;
}

/** Takes every waiting row of a table queue, due or not. A second import finds nothing to add. */
export function importJobsKind(deps: ImportDeps): OperationKind {
  return {
    name: IMPORT_JOBS,
    step: async ({ params, cursor }) => {
      const queue = openFor(deps, params as ImportParams);
      try {
        const rows = await importPage(deps, queue, { params: params as ImportParams, after: cursor as string | null });
        return { cursor: rows.at(-1)?.id ?? cursor, done: rows.length, failed: 0, finished: rows.length < PAGE };
      } finally {
        await queue.close();
      }
    },
  };
}
