import type { LaneId, NewId, OrgId } from '../domain/ids.ts';
import { followedJob, legacyKey, type LegacyStage } from '../domain/legacy-job.ts';
import type { Jobs, KeyedJob } from '../ports/jobs.ts';
import type { HeldRow, LegacyEnd, LegacyQueue, LegacyRow } from '../ports/legacy-queue.ts';
import type { Mailbox } from '../ports/mailbox.ts';
import type { Service } from '../ports/service.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** By type of the rows: the kind of their jobs, and how far the type has moved. */
export type LegacyTypes = Readonly<Record<string, { kind: string; stage: LegacyStage }>>;

export interface LegacyBridgeDeps {
  queue: LegacyQueue;
  mailbox: Pick<Mailbox, 'addJob'>;
  jobs: Pick<Jobs, 'keyed'>;
  newId: NewId;
  telemetry: Telemetry;
  wake(laneId: LaneId, inMs?: number): void;
}

export interface LegacyBridgeSettings {
  intervalMs: number;
  orgId: OrgId;
  /** Asked at each round. */
  types(): LegacyTypes;
}

/** Rows in hand of the types in stage `both`, so that the old workers get their share. */
const SHARED_AT_ONCE = 20;
/** Rows taken by one statement, and statements in one round. */
const PAGE = 200;
const PAGES = 10;

type Deps = LegacyBridgeDeps & { settings: LegacyBridgeSettings };

const inStage = (types: LegacyTypes, stage: LegacyStage): string[] => Object.keys(types).filter((type) => types[type]?.stage === stage);

async function add({ queue, mailbox, newId, wake, settings }: Deps, row: LegacyRow): Promise<boolean> {
  const types = settings.types();
  const kind = Object.hasOwn(types, row.type) ? types[row.type]?.kind : undefined;
  if (kind === undefined) return false;
  const { laneId, isNew } = await mailbox.addJob({ ...followedJob(row, { source: queue.source, orgId: settings.orgId, kind }), laneId: newId('lane') });
  if (isNew) wake(laneId, row.dueInMs);
  return isNew;
}

async function addAll(deps: Deps, rows: LegacyRow[]): Promise<void> {
  await Promise.all(rows.map((row) => add(deps, row)));
  for (const { type } of rows) deps.telemetry.meter.count('legacy_rows_taken_total', { type });
}

/** Reserving comes first: a row whose job was not added, because the process died here, is found by {@link mend}. */
async function take(deps: Deps, types: string[], limit: number): Promise<number> {
  if (types.length === 0 || limit <= 0) return 0;
  const rows = await deps.queue.reserve(types, limit);
  await addAll(deps, rows);
  return rows.length;
}

async function takeAll(deps: Deps, types: string[], signal: AbortSignal): Promise<void> {
  let taken = PAGE;
  for (let page = 0; page < PAGES && taken === PAGE && !signal.aborted; page++) taken = await take(deps, types, PAGE);
}

/** What a row's status must become, since its job is in this state; null: it is as it should be. */
function endOf(row: HeldRow, job: KeyedJob): LegacyEnd | null {
  if (job.state === 'dead') return 'dead';
  if (row.status === 'reserved') return null;
  if (job.state === 'completed') return 'completed';
  return job.state === 'cancelled' ? 'dead' : null;
}

/** One row whose job was never added, or whose end was never written because somebody died in between. */
async function mendOne(deps: Deps, row: HeldRow, job: KeyedJob | undefined): Promise<boolean> {
  const isOver = job?.state === 'completed' || job?.state === 'cancelled';
  if (!job || (isOver && row.status === 'reserved')) return add(deps, row);
  const end = endOf(row, job);
  if (end) await deps.queue.end(row.id, end);
  return end !== null;
}

/** Makes table and jobs agree for the next rows in hand. Returns where to go on. */
async function mend(deps: Deps, types: string[], after: string | null): Promise<string | null> {
  const { queue, jobs, telemetry } = deps;
  const rows = await queue.held(types, { after, limit: PAGE });
  const known = new Map((await jobs.keyed(rows.map(({ id }) => legacyKey(queue.source, id)))).map((job) => [job.key, job]));
  const mended = await Promise.all(rows.map((row) => mendOne(deps, row, known.get(legacyKey(queue.source, row.id)))));
  const count = mended.filter(Boolean).length;
  if (count > 0) telemetry.log.info({ count }, 'rows of the legacy queue and their jobs agree again');
  return rows.length < PAGE ? null : (rows.at(-1)?.id ?? null);
}

/**
 * Takes rows of a table queue that other programs poll, as far as each type has moved: none in stage `shadow` (and gives back what is not begun),
 * a few in stage `both`, all that are due in stage `chasqui`. Any number of processes may run it.
 */
export function createLegacyBridge(given: LegacyBridgeDeps, settings: LegacyBridgeSettings): Service {
  const deps: Deps = { ...given, settings };
  let checked = false;
  let mendAfter: string | null = null;
  return {
    name: 'legacy-bridge',
    get intervalMs() {
      return settings.intervalMs;
    },
    runOnce: async (signal) => {
      if (!checked) await given.queue.check();
      checked = true;
      const types = settings.types();
      const [shared, ours] = [inStage(types, 'both'), inStage(types, 'chasqui')];
      const back = await given.queue.giveBack([...shared, ...ours]);
      if (back > 0) given.telemetry.log.info({ rows: back }, 'rows given back to the old workers');
      mendAfter = await mend(deps, Object.keys(types), mendAfter);
      await take(deps, shared, SHARED_AT_ONCE - (await given.queue.held(shared, { after: null, limit: SHARED_AT_ONCE })).length);
      await takeAll(deps, ours, signal);
    },
  };
}
