import type { Cell } from './cell.ts';
import { drawMembers, drawProcessTroubles, drawServerTroubles, drawSingle } from './draw-fleet.ts';
import type { Fate, Member, Plan, Role, Step } from './plan.ts';
import { seeded } from './seeded.ts';
import type { Seeded } from './seeded.ts';

/** How long users are at it, ms. */
const SPAN_MS = 2000;

/** Makes a text that is said twice so long that it is no short answer to two questions, which may be the same twice. */
const INSISTING = 'I have been waiting for an answer to this for quite a while now, would you please be so kind';

/** Texts that make the model fail for a while: each ends well within the attempts. */
const PASSING = ['[fault:fail1]', '[fault:fail2]', '[fault:rate1]', '[fault:hang1]', '[fault:cut1]', '[fault:json1]', '[fault:empty1]'] as const;

/** Texts that make the model slow, once. The first fault that a question names decides, so beside a text that always fails they would answer it. */
const SLOW = ['[fault:delay1]', '[fault:drip1]'] as const;

/** The world's faults come in moods, so that some schedules are about one kind and some about all. */
const REST_MOODS: Plan['rest'][] = [
  {},
  { accept_then_reset: 0.3 },
  { accept_then_500: 0.15, late_land: 0.15 },
  { reset_before: 0.1, status: 0.1, rate_limited: 0.03, hang: 0.05 },
  { accept_then_reset: 0.08, accept_then_500: 0.05, late_land: 0.05, reset_before: 0.05, status: 0.05, hang: 0.03, delay: 0.1 },
];
const WEBHOOK_MOODS: Plan['webhook'][] = [
  {},
  { duplicate: 0.2, double: 0.2 },
  { drop: 0.15, delay: 0.2, reorder: 0.2 },
  { duplicate: 0.1, double: 0.1, drop: 0.05, delay: 0.1, reorder: 0.1, bad_signature: 0.03, stale_timestamp: 0.03 },
];

/** The world of a schedule with one trouble only: nothing else goes wrong, but there is always something under way. */
const CALM: Pick<Plan, 'rest' | 'webhook' | 'model'> = { rest: {}, webhook: {}, model: { delay: 0.7 } };

interface Drawing {
  draw: Seeded;
  conversations: number;
  taken: ReadonlySet<number>;
  failing: ReadonlySet<number>;
  /** So many texts that something always waits, and none that makes the model fail. */
  isBusy: boolean;
}

/** The schedule of a seed in a cell. Users and platform are those of the seed in any cell. */
export function drawPlan(seed: number, cell: Cell): Plan {
  const draw = seeded(seed);
  const conversations = draw.int(2, 6);
  const taken = new Set(draw.chance(0.35) ? [draw.int(1, conversations)] : []);
  const failing = new Set(draw.chance(0.35) ? [draw.int(1, conversations)].filter((each) => !taken.has(each)) : []);
  const poisoned = draw.chance(0.08);
  const single = !poisoned && draw.chance(0.35);
  const talk = drawTalk({ draw, conversations, taken, failing: single ? new Set() : failing, isBusy: single });
  const world = single ? CALM : { rest: draw.pick(REST_MOODS), webhook: draw.pick(WEBHOOK_MOODS), model: draw.chance(0.5) ? { delay: 0.2 } : {} };
  const habits = { shuffle: draw.chance(0.3), catchUp: draw.chance(0.85), strategy: draw.chance(0.25) ? 'queue' : 'coalesce' };
  const draws = single ? trouble : troubles;
  const { members, steps, redisLateMs } = poisoned ? poisoning(draw, cell, untaken(conversations, taken)) : draws(draw, cell);
  return {
    seed,
    cell,
    spanMs: SPAN_MS,
    steps: [...talk, ...steps].toSorted((a, b) => a.at - b.at),
    members,
    redisLateMs,
    ...world,
    shuffle: habits.shuffle,
    catchUp: habits.catchUp,
    env: { BURST_STRATEGY: habits.strategy, ...(poisoned ? { QUEUE_MAX_CRASHES: '3', LANE_LEASE_MS: '3000' } : {}) },
    planted: null,
  };
}

type Troubles = Pick<Plan, 'members' | 'steps' | 'redisLateMs'>;

function troubles(draw: Seeded, cell: Cell): Troubles {
  const members = drawMembers(draw, cell);
  const among = { cell, members, spanMs: SPAN_MS };
  const steps: Step[] = [...drawProcessTroubles(draw, among), ...drawServerTroubles(draw, among)];
  if (draw.chance(0.1)) steps.push({ at: draw.int(0, SPAN_MS / 2), do: 'no_webhooks', ms: draw.int(200, 1000) });
  const isLate = cell.engine === 'bullmq' && draw.chance(0.15);
  return { members, steps, redisLateMs: isLate ? draw.int(500, 3000) : null };
}

/** One trouble alone, which tells how long it takes to get over it. */
function trouble(draw: Seeded, cell: Cell): Troubles {
  return { ...drawSingle(draw, { cell, spanMs: SPAN_MS }), redisLateMs: null };
}

const healthy = (role: Role): Member => ({ role, lives: [] });

/** A message that kills its process. Nothing else kills in such a schedule, so only this one may be found guilty. */
function poisoning(draw: Seeded, cell: Cell, among: number[]): Troubles {
  const members = cell.store === 'sqlite' ? [healthy('all')] : [healthy('api'), healthy('worker'), healthy('worker')];
  return { members, steps: [poison(draw, among)], redisLateMs: null };
}

const untaken = (conversations: number, taken: ReadonlySet<number>): number[] =>
  Array.from({ length: conversations }, (_, index) => index + 1).filter((each) => !taken.has(each));

function poison(draw: Seeded, among: number[]): Step {
  const conversation = draw.pick(among);
  return say({ conversation, number: 99, at: draw.int(0, SPAN_MS / 2), text: '[poison]', fate: 'apology_crashed' });
}

function say(said: { conversation: number; number: number; at: number; text: string; fate?: Fate; copies?: number }): Step & { do: 'say' } {
  const { conversation, number, at, text, fate = 'answer', copies = 1 } = said;
  const tag = `[m:${conversation}.${number}]`;
  return { at, do: 'say', conversation, tag, text: `${text} ${tag}`.trim(), copies, fate };
}

function drawTalk(drawing: Drawing): Step[] {
  const { draw, conversations, taken, failing, isBusy } = drawing;
  const steps: Step[] = [];
  const total = isBusy ? draw.int(24, 36) : draw.int(6, 20);
  const last = new Map<number, number>();
  let at = 0;
  while (steps.length < total) {
    const conversation = draw.int(1, conversations);
    const burst = draw.chance(0.3) ? draw.int(2, 4) : 1;
    at = draw.int(0, SPAN_MS);
    for (let nth = 0; nth < burst; nth++) {
      const number = (last.get(conversation) ?? 0) + 1;
      last.set(conversation, number);
      const text = words(drawing, conversation);
      steps.push(say({ conversation, number, at: at + nth * draw.int(0, 25), ...(draw.chance(0.08) ? { copies: 2, text: `${text} ${INSISTING}` } : { text }) }));
    }
  }
  for (const conversation of failing) steps.push(say({ conversation, number: 90, at: draw.int(0, SPAN_MS), text: '[fault:fail]', fate: 'apology' }));
  for (const conversation of taken) {
    const how = draw.pick(['agent_reply', 'assigned', 'opened'] as const);
    steps.push(say({ conversation, number: 80, at: 0, text: 'hello' }));
    steps.push({ at: draw.int(SPAN_MS * 0.3, SPAN_MS * 0.8), do: 'take_over', conversation, how });
  }
  return steps;
}

/** What a message says beside its tag. Faults stay out of conversations that people take over: nobody may ever ask the model about those. */
function words({ draw, taken, failing, isBusy }: Drawing, conversation: number): string {
  if (draw.chance(0.15)) return '[long] tell me everything';
  if (!isBusy && !taken.has(conversation) && draw.chance(0.15)) return draw.pick(failing.has(conversation) ? PASSING : [...PASSING, ...SLOW]);
  return draw.pick(['hello', 'where is my order?', '¿a qué hora abren?', 'thanks', 'one more thing']);
}
