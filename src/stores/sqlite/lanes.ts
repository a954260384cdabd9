import { SPEAKING, type Lease } from '../../domain/lane.ts';
import { LOST } from '../commands.ts';
import { clip, fence, taken, waitMs, type Context } from './context.ts';

interface HeadRow {
  seq: number;
  kind: string;
  state: string;
  not_before: number;
  owner_epoch: number;
}

export function renew(ctx: Context, lease: Lease): void | typeof LOST {
  const lane = fence(ctx, lease);
  if (lane === LOST) return LOST;
  ctx.q.run('extendLease', lease.laneId, ctx.now() + lane.lease_ms);
}

type Release = { drained: number } | { parkMs: number };

/** Condition and effect are on the same row: whoever appends in between is seen. */
export function release(ctx: Context, lease: Lease, how: Release): 'released' | 'again' | typeof LOST {
  const lane = fence(ctx, lease);
  if (lane === LOST) return LOST;
  if ('drained' in how) {
    if (lane.last_seq !== how.drained) return 'again';
    ctx.q.run('releaseLane', lease.laneId, lane.last_seq, 0);
    return 'released';
  }
  const head = ctx.q.one<HeadRow>('firstOpen', lease.laneId, lane.done_seq);
  const done = head ? head.seq - 1 : lane.last_seq;
  ctx.q.run('releaseLane', lease.laneId, done, head ? readyAt(ctx, lease, { head, parkMs: how.parkMs }) : 0);
  return 'released';
}

/** A lane whose head was taken over is ready at once: there is only its ending to write. */
function readyAt(ctx: Context, lease: Lease, park: { head: HeadRow; parkMs: number }): number {
  const now = ctx.now();
  const { head } = park;
  if (SPEAKING.has(head.kind) && taken(ctx, lease.laneId, head.owner_epoch)) return 0;
  const wait = Math.max(park.parkMs, waitMs(head, now));
  return wait > 0 ? clip(now + wait, now) : 0;
}
