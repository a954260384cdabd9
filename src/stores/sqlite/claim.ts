import type { JobKind, JobState, OpenJob } from '../../domain/job.ts';
import type { LaneId, OrgId } from '../../domain/ids.ts';
import { MAX_PARK_MS, type Claimed, type Lease, type OpenLane } from '../../domain/lane.ts';
import type { ClaimRequest, ClaimResult } from '../../ports/mailbox.ts';
import { LOST } from '../commands.ts';
import { fence, readConversation, waitMs, type Context, type LaneRow } from './context.ts';
import { readPaused } from './controls.ts';
import { pick, readyResumed, type Candidate } from './pick.ts';
import { readTurn } from './turns.ts';

/** Lanes that one claim makes ready at the most, because their time has come: meanwhile nothing is accepted. */
const PROMOTE_MOST = 1000;

interface JobRow {
  seq: number;
  kind: string;
  state: string;
  attempts: number;
  crashes: number;
  suspect: number;
  not_before: number;
  owner_epoch: number;
  message_id: string | null;
  turn_id: string | null;
  created_at: number;
}

function openJob(row: JobRow, now: number): OpenJob {
  return {
    seq: row.seq,
    kind: row.kind as JobKind,
    state: row.state as JobState,
    attempts: row.attempts,
    crashes: row.crashes,
    suspect: row.suspect === 1,
    readyInMs: waitMs(row, now),
    // Appended in the future: the clock was set back. Old enough for anything that waits for age.
    ageMs: row.created_at > now ? MAX_PARK_MS : now - row.created_at,
    ownerEpoch: row.owner_epoch,
    messageId: row.message_id as OpenJob['messageId'],
    turnId: row.turn_id as OpenJob['turnId'],
  };
}

/** The unfinished jobs and the sequence they were read against: one transaction, so no message can slip between. */
export function readLane(ctx: Context, laneId: LaneId, lane: Pick<LaneRow, 'last_seq' | 'done_seq'>): OpenLane {
  const now = ctx.now();
  const jobs = ctx.q.all<JobRow>('openJobs', laneId, lane.done_seq).map((row) => openJob(row, now));
  const head = jobs[0];
  return {
    seen: lane.last_seq,
    jobs,
    conversation: readConversation(ctx, laneId),
    turn: head?.turnId ? readTurn(ctx, head.turnId) : null,
  };
}

export function open(ctx: Context, lease: Lease): OpenLane | typeof LOST {
  const lane = fence(ctx, lease);
  return lane === LOST ? LOST : readLane(ctx, lease.laneId, lane);
}

/**
 * Jobs that are running without a stored reply, in a lane that nobody holds, were cut off with their worker. One alone is
 * charged with the death; several get the attempt back and will run one by one. Returns their places.
 */
function recoverCutOff(ctx: Context, laneId: LaneId, lane: OpenLane): number[] {
  const cut = lane.jobs.filter((job) => job.state === 'running' && job.turnId === null);
  const charge = cut.length === 1 ? 1 : 0;
  for (const job of cut) {
    ctx.q.run('logAttempt', laneId, job.seq, ctx.now(), 'crashed', null);
    ctx.q.run('recoverJob', laneId, job.seq, charge);
    job.state = 'available';
    job.attempts -= 1;
    job.crashes += charge;
    job.suspect = true;
  }
  return cut.map(({ seq }) => seq);
}

function take(ctx: Context, lane: Candidate, request: ClaimRequest): Claimed {
  const laneId = lane.id as LaneId;
  const until = ctx.now() + request.leaseMs;
  ctx.q.run('takeLane', laneId, request.owner, until, request.leaseMs);
  const row = ctx.q.one<LaneRow>('laneById', laneId) as LaneRow;
  const open = readLane(ctx, laneId, row);
  const stalled = recoverCutOff(ctx, laneId, open);
  return { lease: { laneId, orgId: lane.org_id as OrgId, epoch: row.epoch }, open, stalled };
}

/** Milliseconds until the next lane may run whose time has not come; null when there is none. */
function nextInMs(ctx: Context): number | null {
  const at = ctx.q.one<{ at: number | null }>('nextReady')?.at ?? null;
  return at === null ? null : Math.max(0, at - ctx.now());
}

export function claim(ctx: Context, request: ClaimRequest): ClaimResult {
  const now = ctx.now();
  if (ctx.clockWasSetBack()) ctx.q.run('clampInstants', now, MAX_PARK_MS);
  const paused = readPaused(ctx);
  if (paused.all) return { claimed: [], nextInMs: null };
  ctx.q.run('promoteDue', now, PROMOTE_MOST);
  const moreResumed = readyResumed(ctx, paused);
  const { lanes, left } = pick(ctx, request, paused);
  const claimed = lanes.map((lane) => take(ctx, lane, request));
  return { claimed, nextInMs: left || moreResumed ? 0 : nextInMs(ctx) };
}
