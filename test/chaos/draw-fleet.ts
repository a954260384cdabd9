import type { Cell } from './cell.ts';
import type { Action, Failpoint, Member, ProcessStep, Role, ServerStep } from './plan.ts';
import { scaleOf } from './scale.ts';
import type { Seeded } from './seeded.ts';

/** Points of the way in, in the order of a message. */
const INTAKE_POINTS = ['append:before', 'append:after', 'setOwner:before', 'setOwner:after'] as const;
/** Points of the way out. */
const WORK_POINTS = [
  'claim:after', 'begin:before', 'begin:after', 'respond:before', 'respond:after', 'plan:before', 'plan:after',
  'startPart:before', 'startPart:after', 'send:before', 'send:after', 'recordSent:before', 'recordSent:after', 'settle:before', 'settle:after',
  'release:before', 'release:after', 'fail:before', 'fail:after', 'endPart:before', 'endPart:after', 'resend:after', 'readback:after', 'examine:after',
] as const;

/** Passed seldom, if at all. */
const RARE = /^(fail|endPart|resend|readback)/;

const FREEZE_POINTS = ['begin:after', 'respond:after', 'plan:after', 'startPart:after', 'send:before', 'send:after', 'recordSent:after', 'release:before'] as const;
const STALL_POINTS = ['begin:after', 'respond:after', 'plan:before', 'plan:after', 'startPart:before', 'startPart:after', 'recordSent:before', 'settle:before', 'resend:before'] as const;
const INTAKE_CALLS = ['append', 'setOwner', 'known'] as const;
const WORK_CALLS = ['begin', 'plan', 'startPart', 'recordSent', 'settle', 'release', 'open', 'renew', 'claim', 'endPart', 'setCursor', 'fail', 'resend', 'ready', 'due'] as const;

interface Place {
  role: Role;
  kills: readonly string[];
  freezes: readonly string[];
  calls: readonly string[];
}

const PLACES: Record<Role, Place> = {
  all: { role: 'all', kills: [...INTAKE_POINTS, ...WORK_POINTS], freezes: FREEZE_POINTS, calls: [...INTAKE_CALLS, ...WORK_CALLS] },
  api: { role: 'api', kills: INTAKE_POINTS, freezes: INTAKE_POINTS, calls: INTAKE_CALLS },
  worker: { role: 'worker', kills: WORK_POINTS, freezes: FREEZE_POINTS, calls: WORK_CALLS },
};

/** Points at which a process is worth killing. */
export const KILL_POINTS = PLACES.all.kills;

/** One process on SQLite; on PostgreSQL two APIs and two workers, or sometimes another mixture. */
export function drawMembers(draw: Seeded, cell: Cell): Member[] {
  if (cell.store === 'sqlite') return [{ role: 'all', lives: drawLives(draw, cell, { role: 'all', most: 3, deadly: 0.85 }) }];
  const roles = draw.chance(0.7)
    ? (['api', 'api', 'worker', 'worker'] as const)
    : draw.pick([['api', 'worker', 'worker'], ['api', 'api', 'worker'], ['all', 'all'], ['all', 'api', 'worker']] satisfies Role[][]);
  return roles.map((role) => ({ role, lives: drawLives(draw, cell, { role, most: 2, deadly: 0.65 }) }));
}

/** What the first lives of a process do to themselves; `deadly`: how often a life is to end by itself. */
function drawLives(draw: Seeded, cell: Cell, { role, most, deadly }: { role: Role; most: number; deadly: number }): Failpoint[][] {
  const place = PLACES[role];
  return Array.from({ length: draw.int(1, most) }, () => {
    const points = Array.from({ length: draw.int(0, 2) }, () => failpoint(draw, cell, place));
    return draw.chance(deadly) ? [...points, killPoint(draw, place), killPoint(draw, place)] : points;
  });
}

/** The first of the two that a life comes by ends it. */
function killPoint(draw: Seeded, { kills }: Place): Failpoint {
  const point = draw.pick(kills);
  return { point, nth: RARE.test(point) ? 1 : draw.int(1, 5), action: { do: 'kill' } };
}

function failpoint(draw: Seeded, cell: Cell, place: Place): Failpoint {
  const nth = draw.int(1, 6);
  const long = scaleOf(cell).beyondLeaseMs;
  const kind = draw.pick(place.role === 'api' ? API_ACTIONS : ALL_ACTIONS);
  switch (kind) {
    case 'freeze':
    case 'block':
      return { point: draw.pick(place.freezes), nth, action: { do: kind, ms: draw.int(long, long + 900) } };
    case 'stall':
      return { point: draw.pick(STALL_POINTS), nth, action: { do: kind, ms: draw.int(long, long + 1300) } };
    case 'lose_renewals':
      return { point: draw.pick(['claim:after', 'begin:after', 'startPart:after']), nth, action: { do: kind, ms: draw.int(long, long + 2300) } };
    case 'lose_wake':
      return { point: 'append:after', nth, action: { do: kind } };
    case 'refuse':
    case 'lose_answer': {
      const action: Action = { do: kind };
      return { point: `${draw.pick(place.calls)}:${kind === 'refuse' ? 'before' : 'after'}`, nth, action };
    }
  }
}

const ALL_ACTIONS = ['freeze', 'block', 'stall', 'refuse', 'lose_answer', 'lose_wake', 'lose_renewals'] as const;
const API_ACTIONS = ['freeze', 'block', 'refuse', 'lose_answer', 'lose_wake'] as const;

const OF_PROCESS = ['kill', 'kill', 'kill at a point', 'kill at a point', 'deploy', 'freeze', 'block'] as const;
const OF_POSTGRES = ['postgres_restart', 'postgres_terminate', 'half_open postgres', 'half_open postgres'] as const;
const OF_REDIS = ['redis_kill', 'redis_freeze', 'redis_flush', 'redis_pause', 'half_open redis', 'half_open redis'] as const;
type Kind = (typeof OF_PROCESS)[number] | (typeof OF_POSTGRES)[number] | (typeof OF_REDIS)[number];

/** Processes with one trouble, while users are at it: of a process that works, of a server, or of the way to it. */
export function drawSingle(draw: Seeded, { cell, spanMs }: { cell: Cell; spanMs: number }): { members: Member[]; steps: (ProcessStep | ServerStep)[] } {
  const roles: Role[] = cell.store === 'sqlite' ? ['all'] : ['api', 'api', 'worker', 'worker'];
  const worker = roles.length - 1;
  const kind = draw.pick<Kind>([...OF_PROCESS, ...(cell.store === 'postgres' ? OF_POSTGRES : []), ...(cell.engine === 'bullmq' ? OF_REDIS : [])]);
  const members = roles.map((role, index): Member => ({ role, lives: kind === 'kill at a point' && index === worker ? [[killPoint(draw, { ...PLACES.worker, kills: BUSY_POINTS })]] : [] }));
  return { members, steps: singleStep(draw, kind, { at: draw.int(spanMs * 0.3, spanMs * 0.7), worker, cell }) };
}

/** Passed with every message. */
const BUSY_POINTS = WORK_POINTS.filter((point) => !RARE.test(point) && point !== 'examine:after');

function singleStep(draw: Seeded, kind: Kind, where: { at: number; worker: number; cell: Cell }): (ProcessStep | ServerStep)[] {
  const { at, worker: member, cell } = where;
  const long = scaleOf(cell).beyondLeaseMs;
  const ms = draw.int(300, 2000);
  switch (kind) {
    case 'kill at a point':
      return [];
    case 'kill':
    case 'deploy':
      return [{ at, do: kind, member, ms: Math.floor(ms / 2) }];
    case 'freeze':
    case 'block':
      return [{ at, do: kind, member, ms: long + Math.floor(ms / 2) }];
    case 'half_open postgres':
    case 'half_open redis':
      return [{ at, do: 'half_open', to: kind === 'half_open redis' ? 'redis' : 'postgres', member: null, mode: draw.pick(['dead', 'deaf'] as const), ms }];
    case 'postgres_terminate':
    case 'redis_flush':
      return [{ at, do: kind }];
    case 'postgres_restart':
    case 'redis_kill':
    case 'redis_freeze':
    case 'redis_pause':
      return [{ at, do: kind, ms }];
  }
}

/** What happens to the processes from outside, within `spanMs`. */
export function drawProcessTroubles(draw: Seeded, { cell, members, spanMs }: { cell: Cell; members: Member[]; spanMs: number }): ProcessStep[] {
  const steps: ProcessStep[] = [];
  const long = scaleOf(cell).beyondLeaseMs;
  const some = (): { at: number; member: number } => ({ at: draw.int(100, spanMs), member: draw.int(0, members.length - 1) });
  if (draw.chance(0.35)) steps.push({ ...some(), do: 'kill', ms: draw.int(0, 900) });
  if (draw.chance(0.25)) steps.push({ ...some(), do: 'deploy', ms: draw.int(0, 400) });
  if (draw.chance(0.25)) steps.push({ ...some(), do: 'freeze', ms: draw.int(300, long + 800) });
  if (draw.chance(0.2)) steps.push({ ...some(), do: 'block', ms: draw.int(long, long + 800) });
  return steps;
}

/** What happens to the servers and on the way to them. */
export function drawServerTroubles(draw: Seeded, { cell, members, spanMs }: { cell: Cell; members: Member[]; spanMs: number }): ServerStep[] {
  return [
    ...(cell.store === 'postgres' ? postgresTroubles(draw, { members: members.length, spanMs }) : []),
    ...(cell.engine === 'bullmq' ? redisTroubles(draw, { members: members.length, spanMs }) : []),
  ];
}

function halfOpen(draw: Seeded, to: 'postgres' | 'redis', { members, spanMs }: { members: number; spanMs: number }): ServerStep {
  const member = draw.chance(0.5) ? null : draw.int(0, members - 1);
  return { at: draw.int(100, spanMs), do: 'half_open', to, member, mode: draw.pick(['dead', 'deaf'] as const), ms: draw.int(300, 2500) };
}

function postgresTroubles(draw: Seeded, among: { members: number; spanMs: number }): ServerStep[] {
  const steps: ServerStep[] = [];
  const at = (): number => draw.int(100, among.spanMs);
  if (draw.chance(0.3)) steps.push({ at: at(), do: 'postgres_restart', ms: draw.int(0, 1500) });
  if (draw.chance(0.35)) steps.push({ at: at(), do: 'postgres_terminate' });
  if (draw.chance(0.4)) steps.push(halfOpen(draw, 'postgres', among));
  return steps;
}

function redisTroubles(draw: Seeded, among: { members: number; spanMs: number }): ServerStep[] {
  const steps: ServerStep[] = [];
  const at = (): number => draw.int(100, among.spanMs);
  if (draw.chance(0.35)) steps.push({ at: at(), do: 'redis_kill', ms: draw.int(0, 2000) });
  if (draw.chance(0.25)) steps.push({ at: at(), do: 'redis_freeze', ms: draw.int(300, 2500) });
  if (draw.chance(0.3)) steps.push({ at: at(), do: 'redis_flush' });
  if (draw.chance(0.25)) steps.push({ at: at(), do: 'redis_pause', ms: draw.int(300, 2000) });
  if (draw.chance(0.35)) steps.push(halfOpen(draw, 'redis', among));
  return steps;
}
