import { DelayedError, type Job } from 'bullmq';
import type { Clock } from '../../domain/clock.ts';
import type { LaneId } from '../../domain/ids.ts';
import type { DrivableEngine } from '../../ports/engine.ts';
import type { Lanes } from '../../ports/lanes.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Processor, Wakeup } from './session.ts';

export interface ServeDeps {
  local: Pick<DrivableEngine, 'take'>;
  lanes: Pick<Lanes, 'due'>;
  clock: Clock;
  telemetry: Telemetry;
  /** Adds a wake-up. */
  wake(laneId: LaneId, inMs: number): void;
}

/** A lane that is due and yet cannot be taken (paused, its org at its cap, its row locked) is tried again after this, doubling up to the last, ms. */
const FIRST_REST_MS = 100;
const LAST_REST_MS = 30_000;
/** A lane in other hands is looked at this soon again, ms: its lease says only when it ends at the latest. */
const HELD_MS = 1_000;
/** Two readings of when a lane is due may differ by this because time passes between them, ms. */
const CLOSE_MS = 50;
/** How soon to try again when the store cannot be asked, ms. */
const STORE_REST_MS = 1_000;

/** What becomes of a wake-up: it is done; its lane is due later; or it rests, because its lane could not be taken or looked at. */
type Next = { kind: 'done' } | { kind: 'due'; inMs: number } | { kind: 'rests'; inMs: number };

const DONE: Next = { kind: 'done' };

/**
 * Serves wake-ups. A wake-up is the permit to drain one lane: whichever the fair share says, so that the order of arrival in Redis decides nothing. It is
 * used up when its own lane needs none: drained, by whomever, or in the care of a wake-up that its holder left. Otherwise it takes another lane, or
 * is put back until its own lane is due; it is never completed while the lane waits for something.
 */
export function serveWakeups(deps: ServeDeps): Processor {
  return async (job, token) => {
    const { laneId } = job.data;
    const next = await serve(deps, laneId, job.attemptsStarted);
    if (next.kind === 'done') return;
    await putBack(deps, { job, token, next });
    throw new DelayedError();
  };
}

async function serve({ local, lanes, telemetry }: ServeDeps, laneId: LaneId, starts: number): Promise<Next> {
  try {
    for (;;) {
      const taken = await local.take(laneId);
      if (taken.kind === 'stopping') return { kind: 'rests', inMs: 0 };
      if (taken.kind === 'drained' && taken.laneId === laneId) return DONE;
      const due = await lanes.due(laneId);
      if (due === null) return DONE;
      if (due.inMs > 0) return { kind: 'due', inMs: due.held ? Math.min(due.inMs, HELD_MS) : due.inMs };
      if (taken.kind === 'nothing') return { kind: 'rests', inMs: restMs(starts) };
    }
  } catch (error) {
    telemetry.log.warn({ err: error, laneId }, 'a wake-up could not ask the store');
    return { kind: 'rests', inMs: STORE_REST_MS };
  }
}

function restMs(starts: number): number {
  return Math.min(FIRST_REST_MS * 2 ** Math.max(0, starts - 1), LAST_REST_MS);
}

/**
 * A wake-up added while this one was running is stored with it, and would wait as long: so the lane is looked at once more after it was put back. A
 * wake-up added later replaces it.
 */
async function putBack(deps: ServeDeps, back: { job: Job<Wakeup>; token: string; next: Exclude<Next, { kind: 'done' }> }): Promise<void> {
  const { job, token, next } = back;
  const { laneId } = job.data;
  try {
    await job.moveToDelayed(deps.clock.now() + next.inMs, token);
    const due = next.kind === 'due' ? await deps.lanes.due(laneId) : null;
    if (due && due.inMs < next.inMs - CLOSE_MS) deps.wake(laneId, due.inMs);
  } catch (error) {
    // Redis or the store failed meanwhile: the wake-up is found stalled, or the lane by the sweeper.
    deps.telemetry.log.debug({ reason: (error as Error).message, laneId }, 'a wake-up could not be put back');
  }
}
