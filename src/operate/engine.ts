import type { EngineMode } from '../ports/controls.ts';
import type { EngineWatch, ProcessNote, WakeupCounts } from '../ports/engine-watch.ts';
import type { LaneCounts } from '../ports/lanes.ts';
import type { OperateDeps } from './operate-deps.ts';

/** How far the processes are from doing what was decided, and the wake-ups from what there is to do. */
export interface EngineView {
  /** What was decided; null: nothing, so the settings count. */
  decided: EngineMode | null;
  /** What this process does. */
  mode: EngineMode;
  lanes: LaneCounts;
  oldestWaitingMs: number;
  /** Null without Redis, or while it does not serve. */
  wakeups: WakeupCounts | null;
  processes: ProcessNote[] | null;
  /** Wake-ups made up for by the sweepers of all processes in the last minute. */
  rescuedLastMinute: number | null;
  /** Lanes that are ready and have no wake-up waiting or in hand, at the most. */
  gap: number | null;
  /** Every process that tells of itself does what was decided, and Redis serves if that needs it. */
  settled: boolean;
  warnings: string[];
}

export type EngineChange =
  | { kind: 'done'; from: EngineMode; to: EngineMode }
  /** This process has no Redis to use. */
  | { kind: 'no_redis' }
  /** From `local` straight to `bullmq`, and not forced. */
  | { kind: 'both_first' };

export interface EngineDesk {
  view(): Promise<EngineView>;
  /** Decides for all processes; they follow within a few seconds. */
  change(mode: EngineMode, force: boolean): Promise<EngineChange>;
}

type Deps = Pick<OperateDeps, 'store' | 'telemetry'> & { watch: EngineWatch | null };

async function view({ store, watch }: Deps): Promise<EngineView> {
  const { controls, lanes, reports } = store;
  const [decided, counts, oldestWaitingMs] = await Promise.all([controls.engineMode(), lanes.counts(), reports.oldestWaitingMs()]);
  const [wakeups, processes] = watch ? await Promise.all([watch.wakeups(), watch.processes()]) : [null, null];
  const mode = watch?.mode() ?? 'local';
  return {
    decided,
    mode,
    lanes: counts,
    oldestWaitingMs,
    wakeups,
    processes,
    rescuedLastMinute: processes?.reduce((sum, { rescued }) => sum + rescued, 0) ?? null,
    gap: wakeups && Math.max(0, counts.ready - wakeups.waiting - wakeups.active),
    settled: mode === 'local' ? (processes ?? []).every((each) => each.mode === 'local') : (processes?.every((each) => each.mode === mode) ?? false),
    warnings: watch?.warnings() ?? [],
  };
}

async function change({ store, watch, telemetry }: Deps, mode: EngineMode, force: boolean): Promise<EngineChange> {
  if (!watch) return mode === 'local' ? { kind: 'done', from: 'local', to: 'local' } : { kind: 'no_redis' };
  const from = (await store.controls.engineMode()) ?? watch.mode();
  if (from === 'local' && mode === 'bullmq' && !force) return { kind: 'both_first' };
  await store.controls.setEngineMode(mode);
  await watch.follow();
  telemetry.log.warn({ from, to: mode, force }, '[RESILIENCE] an operator moved the engine');
  return { kind: 'done', from, to: mode };
}

/** Where wake-ups come from, in all processes, and moving that. */
export function createEngineDesk(deps: Deps): EngineDesk {
  return { view: () => view(deps), change: (mode, force) => change(deps, mode, force) };
}
