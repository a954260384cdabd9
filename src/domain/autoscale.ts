/** How many turns a process works on at once: up quickly while work waits and there is room, down slowly, and not up and down. */

/** What one look at a process shows. Looks are about a second apart. */
export interface LoadLook {
  /** Turns in hand. */
  active: number;
  /** How long the oldest work that may run has waited, ms. */
  oldestWaitingMs: number;
  /** Part of the time since the last look that the event loop was busy, 0 to 1. */
  loopUse: number;
  /** Part of the memory that the process may have that it has, 0 to 1. */
  memoryUse: number;
}

export interface AutoscaleLimits {
  min: number;
  max: number;
  /** Work that waits longer asks for more turns at once, ms. */
  maxWaitMs: number;
}

export interface Autoscale {
  /** Turns at once. */
  concurrency: number;
  /** Looks that must pass before it goes up again. */
  rest: number;
  /** Looks in a row at which the process was strained. */
  strained: number;
  /** The most turns in hand at a look since `quiet` looks. */
  peak: number;
  quiet: number;
  /** A number that was too many: not tried again for `looks` looks. */
  ceiling: { at: number; looks: number } | null;
}

/** The loop gets this busy by going up, at the most, if each turn costs what the turns in hand cost. */
const LOOP_AIM = 0.8;
/** Busier than this, or fuller, it does not go up. */
const LOOP_ROOM = 0.7;
const MEMORY_ROOM = 0.75;
/** Busier than this, or fuller, three times in a row, there is too much in hand. */
const LOOP_FULL = 0.95;
const MEMORY_FULL = 0.9;
const STRAINED_LOOKS = 3;

/** What a step up did shows at the second look after it. */
const REST_AFTER_UP = 1;
const REST_AFTER_STRAIN = 30;
const CEILING_LOOKS = 600;
/** So many looks are remembered before a step down. */
const QUIET_LOOKS = 60;

/** Nothing is known yet. */
export function startAutoscale(concurrency: number): Autoscale {
  return { concurrency, rest: 0, strained: 0, peak: 0, quiet: 0, ceiling: null };
}

const between = (value: number, { min, max }: AutoscaleLimits): number => Math.min(max, Math.max(min, value));

function aged(ceiling: Autoscale['ceiling']): Autoscale['ceiling'] {
  return ceiling && ceiling.looks > 1 ? { at: ceiling.at, looks: ceiling.looks - 1 } : null;
}

/** Where a step up leads: at the most twice as many, as far as the loop has room for them and they were not too many before. */
function upFrom({ concurrency, ceiling }: Autoscale, look: LoadLook, limits: AutoscaleLimits): number {
  const factor = Math.min(2, LOOP_AIM / Math.max(look.loopUse, 0.01));
  const most = ceiling ? Math.min(limits.max, ceiling.at - 1) : limits.max;
  return Math.min(most, Math.floor(concurrency * factor));
}

function wantsMore({ concurrency, rest }: Autoscale, look: LoadLook, limits: AutoscaleLimits): boolean {
  // With a slot free, what waits does not wait for a slot.
  const isFull = look.active >= concurrency;
  return rest === 0 && isFull && look.oldestWaitingMs > limits.maxWaitMs && look.loopUse < LOOP_ROOM && look.memoryUse < MEMORY_ROOM;
}

function strainedDown(state: Autoscale, limits: AutoscaleLimits): Autoscale {
  const concurrency = Math.max(limits.min, Math.floor(state.concurrency * 0.75));
  return { ...startAutoscale(concurrency), rest: REST_AFTER_STRAIN, ceiling: { at: Math.max(state.concurrency, limits.min + 1), looks: CEILING_LOOKS } };
}

/** A tenth less, and never so few that the peak would fill more than this part of them: then it would go up again. */
const PEAK_ROOM = 0.7;

function quietDown(state: Autoscale, limits: AutoscaleLimits): Autoscale {
  const fewer = Math.max(limits.min, Math.ceil(state.peak / PEAK_ROOM), Math.min(state.concurrency - 1, Math.floor(state.concurrency * 0.9)));
  return { ...state, concurrency: Math.min(fewer, state.concurrency), peak: 0, quiet: 0 };
}

/** The next number of turns at once, with what has to be remembered. */
export function nextAutoscale(before: Autoscale, look: LoadLook, limits: AutoscaleLimits): Autoscale {
  const isStrained = look.loopUse > LOOP_FULL || look.memoryUse > MEMORY_FULL;
  const state: Autoscale = {
    concurrency: between(before.concurrency, limits),
    rest: Math.max(0, before.rest - 1),
    strained: isStrained ? before.strained + 1 : 0,
    peak: Math.max(before.peak, look.active),
    quiet: before.quiet + 1,
    ceiling: aged(before.ceiling),
  };
  if (state.strained >= STRAINED_LOOKS) return strainedDown(state, limits);
  const up = wantsMore(state, look, limits) ? upFrom(state, look, limits) : state.concurrency;
  if (up > state.concurrency) return { ...state, concurrency: up, rest: REST_AFTER_UP, peak: 0, quiet: 0 };
  return state.quiet >= QUIET_LOOKS ? quietDown(state, limits) : state;
}
