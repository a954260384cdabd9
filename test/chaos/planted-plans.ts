import type { Cell } from './cell.ts';
import type { PlantedBug } from './planted.ts';
import type { Member, Plan, Step } from './plan.ts';
import { seeded } from './seeded.ts';
import type { Seeded } from './seeded.ts';

/** A schedule made to meet one bug; without the bug it must pass. */
export function plantedPlan(bug: PlantedBug, seed: number): Plan {
  const draw = seeded(seed);
  const calm: Plan = {
    seed,
    cell: { store: 'sqlite', engine: 'local' },
    spanMs: 1200,
    steps: talk(draw, { conversations: 3, each: 3 }),
    members: [{ role: 'all', lives: [] }],
    redisLateMs: null,
    rest: {},
    webhook: {},
    model: {},
    shuffle: false,
    catchUp: false,
    env: {},
    planted: bug,
  };
  const killAt = (point: string): Member[] => [{ role: 'all', lives: [[{ point, nth: draw.int(1, 4), action: { do: 'kill' } }]] }];
  switch (bug) {
    case 'ack-before-commit':
      return { ...calm, members: killAt('append:before') };
    case 'send-before-store':
      return { ...calm, members: killAt('plan:before') };
    case 'check-then-insert':
      return { ...calm, webhook: { double: 0.8 }, env: { GOVERNOR_DEDUPE_ENABLED: 'false' } };
    case 'no-sweeper':
      return { ...calm, env: { SWEEP_INTERVAL_MS: '600000' } };
    case 'no-read-back':
      return { ...calm, rest: { accept_then_reset: 0.4 }, webhook: { drop: 0.4 } };
    case 'no-catch-up':
      return { ...calm, catchUp: true, webhook: { drop: 0.3 } };
    case 'late-append':
      return { ...calm, steps: talk(draw, { conversations: 1, each: 10 }) };
    case 'shared-conversation':
      return { ...calm, steps: talk(draw, { conversations: 5, each: 4 }), model: { delay: 0.5 } };
    case 'deaf-to-takeover':
      return { ...calm, steps: takenEarly(draw, calm.steps), spanMs: 2500 };
    case 'no-fence':
      return stalledResend(calm);
    case 'ack-on-cut':
      return { ...onPostgres(calm, 1), steps: [...talk(draw, { conversations: 3, each: 12 }), { at: 300, do: 'postgres_restart', ms: 5000 }], spanMs: 5500 };
    case 'dedupe-per-process':
      return { ...onPostgres(calm, 1), webhook: { duplicate: 0.3, double: 0.3 }, env: { GOVERNOR_DEDUPE_ENABLED: 'false' } };
    case 'no-fence-frozen':
      return frozenResend(onPostgres(calm, 2));
    case 'noop-wake':
      return deadHolder(onPostgres(calm, 1, 'bullmq'));
    case 'no-way-back':
      return { ...calm, cell: { store: 'sqlite', engine: 'bullmq' }, steps: [...calm.steps, { at: 300, do: 'redis_kill', ms: 300 }] };
  }
}

/**
 * A part is left in `sending` by a kill. Two workers of the next life, the second on a lease that the first could not renew, both find
 * nothing on the platform, and both come to send it again: only the fence stops the first. No webhooks, or the echo of what
 * the first sent would.
 */
function stalledResend(calm: Plan): Plan {
  return {
    ...calm,
    spanMs: 6000,
    steps: [step(1, 1, 0), { at: 200, do: 'no_webhooks', ms: 5800 }],
    env: { LOCAL_QUEUE_CONCURRENCY: '2' },
    members: [
      {
        role: 'all',
        lives: [
          [{ point: 'startPart:after', nth: 1, action: { do: 'kill' } }],
          [
            { point: 'claim:after', nth: 1, action: { do: 'lose_renewals', ms: 6000 } },
            { point: 'resend:before', nth: 1, action: { do: 'stall', ms: 800 } },
            { point: 'resend:before', nth: 2, action: { do: 'stall', ms: 400 } },
            { point: 'send:after', nth: 1, action: { do: 'stall', ms: 1000 } },
          ],
        ],
      },
    ],
  };
}

/** Two APIs and so many workers, on PostgreSQL. */
function onPostgres(calm: Plan, workers: number, engine: Cell['engine'] = 'local'): Plan {
  const healthy = (role: Member['role']): Member => ({ role, lives: [] });
  const members = [healthy('api'), healthy('api'), ...Array.from({ length: workers }, () => healthy('worker'))];
  return { ...calm, cell: { store: 'postgres', engine }, members };
}

/**
 * A part is left in `sending` by a kill of the first worker (2; the other is frozen, so that it is this one). The second worker (3) takes over,
 * finds nothing on the platform, and is frozen before it sends again; the first, back, finds nothing either, and sends. Then the second wakes up: only the
 * fence stops it. No webhooks, or the echo of what the first sent would.
 */
function frozenResend(two: Plan): Plan {
  const [firstApi, secondApi] = two.members;
  return {
    ...two,
    spanMs: 14_000,
    steps: [
      { at: 0, do: 'freeze', member: 3, ms: 900 },
      step(1, 1, 50),
      { at: 250, do: 'no_webhooks', ms: 13_500 },
      { at: 1400, do: 'freeze', member: 2, ms: 4600 },
    ],
    // Long enough that the second wakes up while nobody knows yet what became of the first's send.
    env: { SEND_LANDING_MS: '2500' },
    members: [
      firstApi as Member,
      secondApi as Member,
      { role: 'worker', lives: [[{ point: 'startPart:after', nth: 1, action: { do: 'kill' } }], [{ point: 'send:after', nth: 1, action: { do: 'stall', ms: 2500 } }]] },
      { role: 'worker', lives: [[{ point: 'readback:after', nth: 1, action: { do: 'freeze', ms: 6500 } }]] },
    ],
  };
}

/**
 * The only worker dies with a lane in its hands, whose lease is longer than BullMQ takes to hand out the dead worker's wake-up again. No sweeper: if that
 * wake-up is thrown away, nothing is left.
 */
function deadHolder(one: Plan): Plan {
  const members = one.members.map((member): Member => (member.role === 'worker' ? { ...member, lives: [[{ point: 'begin:after', nth: 1, action: { do: 'kill' } }]] } : member));
  return { ...one, members, steps: [step(1, 1, 0)], env: { LANE_LEASE_MS: '12000', SWEEP_INTERVAL_MS: '600000' } };
}

const step = (conversation: number, number: number, at: number): Step => {
  const tag = `[m:${conversation}.${number}]`;
  return { at, do: 'say', conversation, tag, text: `hello ${tag}`, copies: 1, fate: 'answer' };
};

function takenEarly(draw: Seeded, steps: Step[]): Step[] {
  const late = [50, 51, 52].map((number, index) => step(1, number, 1600 + index * draw.int(100, 250)));
  const all: Step[] = [...steps, { at: 300, do: 'take_over', conversation: 1, how: 'agent_reply' }, ...late];
  return all.toSorted((a, b) => a.at - b.at);
}

function talk(draw: Seeded, size: { conversations: number; each: number }): Step[] {
  const steps: Step[] = [];
  for (let conversation = 1; conversation <= size.conversations; conversation++) {
    let at = draw.int(0, 100);
    for (let number = 1; number <= size.each; number++, at += draw.int(30, 150)) steps.push(step(conversation, number, at));
  }
  return steps.toSorted((a, b) => a.at - b.at);
}
