import { sharesOf, startOf, type OrgShare } from '../../domain/fair-share.ts';
import type { OrgId } from '../../domain/ids.ts';
import type { ClaimRequest } from '../../ports/mailbox.ts';
import type { Context } from './context.ts';
import type { Paused } from './controls.ts';

/** A lane that may be claimed now. */
export interface Candidate {
  id: string;
  org_id: string;
  priority: number;
  rank: number;
}

interface Picked {
  /** In the order of their start. */
  lanes: Candidate[];
  /** Lanes were left that could be claimed as well. */
  left: boolean;
}

/** Lanes that one claim sets aside or makes ready again at the most: meanwhile the store does nothing else. */
const ASIDE_MOST = 1000;
/** Lanes of an org that are read at once after its first: few at the beginning, because most orgs get few. */
const FIRST_PAGE = 4;
const LAST_PAGE = 256;

interface LineOf {
  share: OrgShare;
  now: number;
  room: number;
  more(after: Candidate, page: number): Candidate[];
}

/** The ready lanes of one org, in the order in which it wants them, as far as its cap lets it. */
class Line {
  readonly #of: LineOf;
  readonly #lanes: Candidate[];
  #taken = 0;
  #page = FIRST_PAGE;
  /** When its next lane may start, in virtual time. */
  start: number;
  head: Candidate | undefined;

  constructor(lanes: Candidate[], of: LineOf) {
    this.#of = of;
    this.#lanes = lanes;
    this.start = startOf(of.share, of.now, 0);
    this.head = of.room > 0 ? lanes.shift() : undefined;
  }

  /** The head goes without being counted. */
  skip(): void {
    if (this.head && this.#lanes.length === 0) {
      this.#lanes.push(...this.#of.more(this.head, this.#page));
      this.#page = Math.min(this.#page * 4, LAST_PAGE);
    }
    this.head = this.#lanes.shift();
  }

  take(): void {
    this.#taken += 1;
    this.start = startOf(this.#of.share, this.#of.now, this.#taken);
    if (this.#taken < this.#of.room) this.skip();
    else this.head = undefined;
  }
}

function earliest(lines: Line[]): Line | null {
  let first: Line | null = null;
  for (const line of lines) if (line.head && (!first || goesFirst(line, first))) first = line;
  return first;
}

function goesFirst(a: Line, b: Line): boolean {
  if (a.start !== b.start) return a.start < b.start;
  const [x, y] = [a.head as Candidate, b.head as Candidate];
  return x.rank < y.rank || (x.rank === y.rank && x.id < y.id);
}

/** Live leases by org. */
function heldBy(ctx: Context, { share }: ClaimRequest): ReadonlyMap<string, number> {
  const isCapped = share.cap > 0 || share.orgs.some(({ cap }) => cap > 0);
  if (!isCapped) return new Map();
  return new Map(ctx.q.all<{ org_id: string; held: number }>('liveLeases', ctx.now()).map((row) => [row.org_id, row.held]));
}

/** The first ready lane of each org, or those asked for. */
function candidates(ctx: Context, { only }: ClaimRequest): Candidate[][] {
  if (!only) return ctx.q.all<Candidate>('readyHeads').map((head) => [head]);
  const lanes = [...new Set(only)].flatMap((id) => ctx.q.all<Candidate>('readyLane', id));
  lanes.sort((a, b) => a.priority - b.priority || a.rank - b.rank || (a.id < b.id ? -1 : 1));
  return [...Map.groupBy(lanes, (lane) => lane.org_id).values()];
}

function linesOf(ctx: Context, request: ClaimRequest, paused: Paused): Line[] {
  const shareOf = sharesOf(request.share);
  const held = heldBy(ctx, request);
  const more: LineOf['more'] = ({ org_id, priority, rank, id }, page) =>
    request.only ? [] : ctx.q.all<Candidate>('readyAfter', org_id, priority, rank, id, page);
  return candidates(ctx, request).flatMap((lanes) => {
    const orgId = lanes[0]?.org_id as OrgId;
    const share = shareOf(orgId);
    const room = share.cap > 0 ? share.cap - (held.get(orgId) ?? 0) : Infinity;
    return paused.orgs.has(orgId) ? [] : [new Line(lanes, { share, now: request.share.now, room, more })];
  });
}

function isHeldBack(ctx: Context, lane: Candidate, paused: Paused): string | null {
  if (paused.channels.size === 0) return null;
  const channel = ctx.q.one<{ channel_id: string }>('channelOf', lane.id)?.channel_id;
  return channel !== undefined && paused.channels.has(channel) ? channel : null;
}

/**
 * Which lanes a claim takes: at each step the org whose next lane starts first, and of that org the first in its own order. Orgs that are
 * paused or full cost a look-up each, however many lanes they have. A lane of a paused channel is set aside when it is met, so that the next
 * claim does not meet it again.
 */
export function pick(ctx: Context, request: ClaimRequest, paused: Paused): Picked {
  const lines = linesOf(ctx, request, paused);
  const lanes: Candidate[] = [];
  let aside = 0;
  for (let line = earliest(lines); line; line = earliest(lines)) {
    const lane = line.head as Candidate;
    const channel = isHeldBack(ctx, lane, paused);
    if (lanes.length >= request.limit && channel === null) return { lanes, left: true };
    if (channel === null) {
      lanes.push(lane);
      line.take();
    } else if (aside++ < ASIDE_MOST) {
      ctx.q.run('setAside', lane.id);
      ctx.q.run('noteAside', channel, lane.priority, lane.rank, lane.id);
      line.skip();
    } else return { lanes, left: true };
  }
  return { lanes, left: false };
}

/** Lanes set aside for channels that are not paused any more are ready again, oldest first. True when there may be more of them. */
export function readyResumed(ctx: Context, paused: Paused): boolean {
  let left = ASIDE_MOST;
  for (const { channel_id: channel } of ctx.q.all<{ channel_id: string }>('asideChannels')) {
    if (paused.channels.has(channel) || left === 0) continue;
    ctx.q.run('readyAgain', channel, left);
    left -= ctx.q.run('forgetAside', channel, left);
  }
  return left === 0;
}
