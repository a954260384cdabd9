/**
 * Redis dies, freezes, pauses and fails over under two processes that share limits and ask all the time. Every decision comes in time, no process lets
 * through more than the limit, and both return to Redis by themselves.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { redisProgram, startRedis, type TestRedis } from '../../support/redis.ts';
import { startFront } from '../front.ts';
import type { Asked, AskPlan, ToAsker } from '../limiter-process.ts';
import { row } from '../report.ts';
import type { Scenario } from './index.ts';

const PROCESSES = 2;
const KEYS = 100;
const LIMIT = 60;
/** Asking before the outage, its length, and asking after it, ms. */
const [CALM_MS, OUTAGE_MS, AFTER_MS] = [1500, 3000, 3000];
/** What is promised, ms. */
const [SLOWEST_MS, RETURN_MS] = [30, 2000];

interface Place {
  primary: TestRedis;
  replica: TestRedis;
  /** Where the processes connect to, and which server they reach there. */
  reach: { server: TestRedis };
}

/** Each takes Redis away, and resolves when it answers again. */
const OUTAGES: Record<string, (place: Place) => Promise<void>> = {
  SIGKILL: async ({ primary }) => {
    await primary.down();
    await wait(OUTAGE_MS);
    await primary.up();
  },
  SIGSTOP: async ({ primary }) => {
    primary.freeze();
    await wait(OUTAGE_MS);
    primary.thaw();
  },
  'CLIENT PAUSE': async ({ primary }) => {
    await primary.command(`CLIENT PAUSE ${OUTAGE_MS} ALL`);
    await wait(OUTAGE_MS);
  },
  failover: async ({ primary, replica, reach }) => {
    await primary.down();
    await wait(OUTAGE_MS);
    await replica.command('REPLICAOF NO ONE');
    reach.server = replica;
  },
};

async function startAsker(plan: AskPlan): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('../limiter-process.ts', import.meta.url)), [JSON.stringify(plan)], { execArgv: [] });
  await once(child, 'message');
  return child;
}

async function tell(child: ChildProcess): Promise<Asked> {
  const told = once(child, 'message') as Promise<[Asked]>;
  child.send({ kind: 'stop' } satisfies ToAsker);
  const [asked] = await told;
  await once(child, 'exit');
  return asked;
}

async function drill(name: string, program: string): Promise<Asked[]> {
  const [primary, replica] = [await startRedis(program), await startRedis(program)];
  await replica.command(`REPLICAOF 127.0.0.1 ${primary.port}`);
  while ((await primary.command('WAIT 1 100')) !== ':1') await wait(50);
  const reach = { server: primary };
  const front = await startFront({ ready: () => [reach.server.port] });
  const plan = { redisUrl: `redis://127.0.0.1:${front.port}`, keys: KEYS, limit: LIMIT };
  const askers = await Promise.all(Array.from({ length: PROCESSES }, () => startAsker(plan)));
  try {
    await wait(CALM_MS);
    await OUTAGES[name]?.({ primary, replica, reach });
    for (const asker of askers) asker.send({ kind: 'back' } satisfies ToAsker);
    await wait(AFTER_MS);
    return await Promise.all(askers.map(tell));
  } finally {
    for (const asker of askers) asker.kill('SIGKILL');
    await front.close();
    await Promise.all([primary.stop(), replica.stop()]);
  }
}

/** What was not as promised. */
function faults(asked: Asked[]): string[] {
  return asked.flatMap(({ p999, lagP999, mostAllowed, returnedAfterMs, sources }, n) => [
    // What the machine itself was late by is no delay of the limiter.
    ...(p999 > SLOWEST_MS + lagP999 ? [`process ${n + 1}: p99.9 is ${p999} ms, more than ${SLOWEST_MS} ms beyond the ${lagP999} ms by which its timers were late`] : []),
    ...(mostAllowed > LIMIT ? [`process ${n + 1} let ${mostAllowed} through, more than ${LIMIT}`] : []),
    ...(returnedAfterMs === null || returnedAfterMs > RETURN_MS ? [`process ${n + 1} returned to Redis after ${returnedAfterMs ?? 'never'} ms`] : []),
    ...(!sources.memory || !sources.redis ? [`process ${n + 1} had no outage: ${JSON.stringify(sources)}`] : []),
  ]);
}

function report(name: string, asked: Asked[]): string[] {
  const each = (show: (process: Asked) => unknown): string => asked.map((process) => String(show(process))).join(' and ');
  const together = Math.max(...Array.from({ length: KEYS }, (_, key) => asked.reduce((sum, { allowed }) => sum + (allowed[key] ?? 0), 0)));
  return [
    `\n${name}`,
    row('decisions', each(({ decisions, sources }) => `${decisions} (${Object.entries(sources).map(([source, count]) => `${count} ${source}`).join(', ')})`)),
    row('p50, p99.9, max ms', each(({ p50, p999, max }) => `${p50}, ${p999}, ${max}`)),
    row('timers late, p99.9 ms', each(({ lagP999 }) => lagP999)),
    row(`let through, of ${LIMIT}`, `${each(({ mostAllowed }) => mostAllowed)} at the most by one process, ${together} by both`),
    row('back after ms', each(({ returnedAfterMs }) => returnedAfterMs ?? 'never')),
  ];
}

/** `npm run chaos -- --scenario limiter-outage`. */
export const limiterOutage: Scenario = async () => {
  const program = redisProgram();
  if (!program) throw new Error('the drill needs redis-server (Debian: apt-get install redis-server)');
  let isFine = true;
  for (const name of Object.keys(OUTAGES)) {
    const asked = await drill(name, program);
    const found = faults(asked);
    console.log([...report(name, asked), ...found.map((fault) => `  FAILED: ${fault}`)].join('\n'));
    isFine &&= found.length === 0;
  }
  return isFine;
};
