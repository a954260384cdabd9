/** One measured run of one limiter, in a process of its own. */
import { systemClock } from '../src/domain/clock.ts';
import type { LimitAsk } from '../src/domain/limit.ts';
import { createMemoryLimiter } from '../src/limiters/memory/index.ts';
import { enter, flexible, type Contest, type ContestantName } from './limiter-contestants.ts';
import type { Figures } from './report.ts';

export type LimiterPlan =
  | { kind: 'throughput'; name: ContestantName; contest: Contest; inFlight: number; warmMs: number; measureMs: number }
  | { kind: 'in-process'; keys: number; decisions: number; withPeers: boolean };

export interface LimiterDone {
  kind: 'done';
  figures: Figures;
}
export interface LimiterStarted {
  kind: 'measuring';
}

/** Tells the parent, which reads the server's CPU time, and goes on when it has. */
function tell(kind: 'measuring'): Promise<void> {
  return new Promise((resolve) => {
    process.once('message', () => resolve());
    process.send?.({ kind } satisfies LimiterStarted);
  });
}

const cpuMicros = (): number => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

async function throughput(plan: Extract<LimiterPlan, { kind: 'throughput' }>): Promise<Figures> {
  const contestant = await enter(plan.name, plan.contest);
  if (!contestant) throw new Error(`${plan.name} does not take part`);
  let [n, done, allowed] = [0, 0, 0];
  const load = async (ms: number): Promise<number> => {
    const startedAt = performance.now();
    const line = async (): Promise<void> => {
      while (performance.now() < startedAt + ms) {
        const isAllowed = await contestant.take(n++);
        allowed += Number(isAllowed);
        done += 1;
      }
    };
    await Promise.all(Array.from({ length: plan.inFlight }, line));
    return (performance.now() - startedAt) / 1000;
  };
  await load(plan.warmMs);
  await tell('measuring');
  [done, allowed] = [0, 0];
  const before = cpuMicros();
  const seconds = await load(plan.measureMs);
  const figures = { perSecond: done / seconds, clientMicros: (cpuMicros() - before) / done, decisions: done, allowedPercent: (100 * allowed) / done };
  await contestant.close();
  return figures;
}

async function inProcess({ keys, decisions, withPeers }: Extract<LimiterPlan, { kind: 'in-process' }>): Promise<Figures> {
  const asks = Array.from({ length: keys }, (_, n): LimitAsk => ({ org: 'org_1', rules: [{ name: 'conversation', key: `cnv_01jz8k4m9q2w7x${n}`, limit: 10, windowMs: 60_000 }] }));
  const open = () => createMemoryLimiter({ clock: systemClock });
  const [atOnce, promised] = [open(), open()];
  const theirs = withPeers ? new (flexible().RateLimiterMemory)({ points: 10, duration: 60 }) : null;
  const nanos = async (run: () => Promise<void>): Promise<number> => {
    const before = cpuMicros();
    await run();
    return ((cpuMicros() - before) * 1000) / decisions;
  };
  const ways = {
    atOnceNanos: async () => {
      for (let n = 0; n < decisions; n++) atOnce.checkNow(asks[n % keys] as LimitAsk);
    },
    promisedNanos: async () => {
      for (let n = 0; n < decisions; n++) await promised.check(asks[n % keys] as LimitAsk);
    },
    theirNanos: async () => {
      for (let n = 0; n < decisions; n++) await theirs?.consume((asks[n % keys] as LimitAsk).rules[0]?.key ?? '').catch(() => {});
    },
  };
  const figures: Figures = {};
  // The first round warms up all of them.
  for (let round = 0; round < 2; round++) for (const [name, way] of Object.entries(ways)) if (name !== 'theirNanos' || theirs) figures[name] = await nanos(way);
  return figures;
}

const plan = JSON.parse(process.argv[2] ?? '') as LimiterPlan;
const figures = plan.kind === 'throughput' ? await throughput(plan) : await inProcess(plan);
process.send?.({ kind: 'done', figures } satisfies LimiterDone);
