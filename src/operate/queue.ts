import type { Pause, PauseTarget } from '../ports/controls.ts';
import type { QueueCounts } from '../ports/reports.ts';
import type { OperateDeps } from './operate-deps.ts';

/** `changed` is false when it was so already. */
export type PauseResult = { kind: 'done'; changed: boolean } | { kind: 'unknown' };

export interface QueueView {
  counts: QueueCounts;
  /** Age of the oldest job that may run and has not, ms. */
  oldestWaitingMs: number;
  /** Everything is paused. */
  paused: boolean;
  /** Oldest first. */
  pauses: Pause[];
}

/** What operators do with the queue as a whole, for all processes at once. Intake goes on, and so does what is in hand. */
export interface QueueDesk {
  /** Unknown: no such org or channel is configured. */
  pause(target: PauseTarget): Promise<PauseResult>;
  /** Unknown: no such org or channel is configured, nor paused from the time when it was. */
  resume(target: PauseTarget): Promise<PauseResult>;
  view(): Promise<QueueView>;
}

type Deps = Pick<OperateDeps, 'store' | 'engine' | 'isKnown' | 'telemetry'>;

/** True when everything is paused. */
export const isAllPaused = (pauses: Pause[]): boolean => pauses.some(({ target }) => target.scope === 'all');

async function pause({ store, isKnown, telemetry }: Deps, target: PauseTarget): Promise<PauseResult> {
  if (!isKnown(target)) return { kind: 'unknown' };
  const changed = await store.controls.pause(target);
  if (changed) telemetry.log.warn({ ...target }, 'paused: nothing of this is taken up from now on, in any process');
  return { kind: 'done', changed };
}

/** Other processes find out when they next look, which their sweepers do at the latest. */
async function resume({ store, engine, isKnown, telemetry }: Deps, target: PauseTarget): Promise<PauseResult> {
  const changed = await store.controls.resume(target);
  if (!changed && !isKnown(target)) return { kind: 'unknown' };
  if (changed) telemetry.log.info({ ...target }, 'resumed');
  await engine?.sweep();
  return { kind: 'done', changed };
}

async function view({ store }: Deps): Promise<QueueView> {
  const [counts, oldestWaitingMs, pauses] = await Promise.all([store.reports.counts(), store.reports.oldestWaitingMs(), store.controls.pauses()]);
  return { counts, oldestWaitingMs, paused: isAllPaused(pauses), pauses };
}

export function createQueueDesk(deps: Deps): QueueDesk {
  return { pause: (target) => pause(deps, target), resume: (target) => resume(deps, target), view: () => view(deps) };
}
