import { createConnection } from 'node:net';
import type { Backends, RedisServer } from './backends.ts';
import { startChild } from './children.ts';
import { cpuOfTrees } from './cpu.ts';
import { CONTESTANTS, enter, type Contest, type ContestantName } from './limiter-contestants.ts';
import type { LimiterDone, LimiterPlan, LimiterStarted } from './limiter-child.ts';
import { judgeStores, measureErrors, type Errors, type Judged } from './limiter-exact.ts';
import { median, medians, shown, table } from './report.ts';
import type { Figures, Verdict } from './report.ts';

export interface LimiterOptions {
  runs: number;
  withPeers: boolean;
  /** Random decisions compared with the oracle, per store. */
  decisions: number;
  inFlight: number;
  warmMs: number;
  measureMs: number;
  /** How long errors are watched in real time. */
  errorSeconds: number;
}

export interface LimiterMeasured {
  stores: Map<string, Judged>;
  errors: Map<ContestantName, Errors>;
  /** By contest, then by contestant; figures of the same index are of the same round. */
  speeds: Map<string, Map<ContestantName, Figures[]>>;
  bytes: Map<string, { ten: number; sixty: number }>;
  inProcess: Map<number, Figures[]>;
}

const SINGLE = 'one rule';
const UNION = 'three rules';
/** A crowd that stays below its limits, so that every decision is made in Redis, ours too. */
const CONTESTS: Record<string, Omit<Contest, 'redisUrl'>> = {
  [SINGLE]: { seconds: 60, limits: [10], sharing: [100_000] },
  [UNION]: { seconds: 60, limits: [10, 60, 30], sharing: [100_000, 5000, 50_000] },
};
/** Keys of the in-process rows; at full speed all of them are soon at their limit. */
const HOT_KEYS = [100, 2000] as const;
const THEIRS: ReadonlySet<ContestantName> = new Set(['rate-limiter-flexible', 'rate-limiter-flexible, auto-pipelining', '@upstash/ratelimit']);

const entered = ({ withPeers }: LimiterOptions): ContestantName[] => CONTESTANTS.filter((name) => withPeers || !THEIRS.has(name));

async function speedOf(plan: Extract<LimiterPlan, { kind: 'throughput' }>, redis: RedisServer): Promise<Figures> {
  const child = startChild('./limiter-child.ts', plan);
  try {
    await child.next<LimiterStarted>('measuring');
    const before = cpuOfTrees([redis.pid]);
    const done = child.next<LimiterDone>('done');
    child.send({ kind: 'go' });
    const { figures } = await done;
    const after = cpuOfTrees([redis.pid]);
    const redisMicros = before === null || after === null ? Number.NaN : ((after - before) * 1000) / (figures.decisions ?? 1);
    return { ...figures, redisMicros };
  } finally {
    await child.end('SIGKILL');
  }
}

async function measureSpeeds(options: LimiterOptions, redis: RedisServer, progress: (text: string) => void): Promise<LimiterMeasured['speeds']> {
  const { runs, inFlight, warmMs, measureMs } = options;
  const speeds: LimiterMeasured['speeds'] = new Map(Object.keys(CONTESTS).map((contest) => [contest, new Map()]));
  for (let run = 1; run <= runs; run += 1) {
    for (const [title, contest] of Object.entries(CONTESTS)) {
      for (const name of entered(options)) {
        if (contest.limits.length > 1 && name === '@upstash/ratelimit') continue;
        const figures = await redis.emptied((redisUrl) => speedOf({ kind: 'throughput', name, contest: { ...contest, redisUrl }, inFlight, warmMs, measureMs }, redis));
        const rows = speeds.get(title) as Map<ContestantName, Figures[]>;
        rows.set(name, [...(rows.get(name) ?? []), figures]);
        progress(`limiter, run ${run}: ${title}: ${name}: ${shown(figures.perSecond ?? 0)}/s, client ${shown(figures.clientMicros ?? 0)} µs, Redis ${shown(figures.redisMicros ?? 0)} µs`);
      }
    }
  }
  return speeds;
}

/** The answer to one command, as text. */
function ask(redisUrl: string, words: string[]): Promise<string> {
  const { port, hostname } = new URL(redisUrl);
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port: Number(port), host: hostname });
    let answer = '';
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      socket.end();
    });
    socket.once('close', () => resolve(answer));
    socket.write(`${words.join(' ')}\r\n`);
  });
}

/** Bytes of all keys of one user who has just reached the limit. */
async function bytesOf(name: ContestantName, redis: RedisServer, limit: number): Promise<number> {
  return redis.emptied(async (redisUrl) => {
    const contestant = await enter(name, { redisUrl, seconds: 60, limits: [limit], sharing: [1] });
    for (let n = 0; n < limit; n++) await contestant?.take(0);
    const keys = (await ask(redisUrl, ['KEYS', '*'])).split('\r\n').filter((line) => line !== '' && !/^[*$]/.test(line));
    let bytes = 0;
    for (const key of keys) bytes += Number((await ask(redisUrl, ['MEMORY', 'USAGE', key])).slice(1));
    await contestant?.close();
    return bytes;
  });
}

async function measureBytes(options: LimiterOptions, redis: RedisServer): Promise<LimiterMeasured['bytes']> {
  const names = entered(options).filter((name) => !/plain|resilient|pipelining/.test(name));
  const bytes: LimiterMeasured['bytes'] = new Map();
  for (const name of names) bytes.set(name, { ten: await bytesOf(name, redis, 10), sixty: await bytesOf(name, redis, 60) });
  return bytes;
}

async function measureInProcess({ runs, withPeers, measureMs }: LimiterOptions): Promise<LimiterMeasured['inProcess']> {
  const measured: LimiterMeasured['inProcess'] = new Map(HOT_KEYS.map((keys) => [keys, []]));
  for (let run = 1; run <= runs; run += 1) {
    for (const keys of HOT_KEYS) {
      const child = startChild('./limiter-child.ts', { kind: 'in-process', keys, decisions: 150 * measureMs, withPeers } satisfies LimiterPlan);
      const { figures } = await child.next<LimiterDone>('done');
      measured.get(keys)?.push(figures);
      await child.end('SIGKILL');
    }
  }
  return measured;
}

async function measureAllErrors(options: LimiterOptions, redis: RedisServer): Promise<LimiterMeasured['errors']> {
  const errors: LimiterMeasured['errors'] = new Map();
  for (const name of entered(options)) {
    if (/resilient|plain|pipelining/.test(name)) continue;
    errors.set(name, await redis.emptied((redisUrl) => measureErrors(name, redisUrl, options.errorSeconds)));
  }
  return errors;
}

/** Everything on one Redis; throughput in interleaved runs, each contestant in a process of its own. */
export async function measureLimiter(options: LimiterOptions, backends: Backends, progress: (text: string) => void): Promise<LimiterMeasured> {
  const redis = await backends.redis('everysec');
  if (!redis) throw new Error('the limiter is measured on Redis, which is not installed (Debian: apt-get install redis-server)');
  const postgres = await backends.postgres();
  const judgeAll = (databaseUrl: string | null): Promise<Map<string, Judged>> => redis.emptied((redisUrl) => judgeStores({ redisUrl, databaseUrl }, options.decisions, progress));
  const stores = postgres ? await postgres.withDatabase(judgeAll) : await judgeAll(null);
  const errors = await measureAllErrors(options, redis);
  const bytes = await measureBytes(options, redis);
  const inProcess = await measureInProcess(options);
  return { stores, errors, bytes, inProcess, speeds: await measureSpeeds(options, redis, progress) };
}

/** The median over the rounds of how much faster one was than another in the same round. */
function ratio(rows: Map<ContestantName, Figures[]> | undefined, one: ContestantName, other: ContestantName): number {
  const [ones, others] = [rows?.get(one) ?? [], rows?.get(other) ?? []];
  return median(ones.map(({ perSecond = 0 }, round) => perSecond / (others[round]?.perSecond ?? Number.NaN)));
}

const nanosRatio = (runs: Figures[] | undefined): number => median((runs ?? []).map(({ theirNanos = Number.NaN, atOnceNanos = Number.NaN }) => theirNanos / atOnceNanos));

export function judgeLimiter(options: LimiterOptions, { stores, bytes, speeds, inProcess }: LimiterMeasured): Verdict[] {
  const exact = [...stores].flatMap(([name, { wrong, decisions, wrongRetries, retries }]): Verdict[] => [
    { target: `limiter, ${name}: wrong of ${shown(decisions)} random decisions`, measured: wrong, atMost: 0, unit: '' },
    { target: `limiter, ${name}: wrong of ${shown(retries)} retries, on time and 1 ms early`, measured: wrongRetries, atMost: 0, unit: '' },
  ]);
  const ours = bytes.get('ours, batched');
  const size: Verdict[] = [
    { target: 'limiter: bytes of a key at 10 a minute', measured: ours?.ten ?? Number.NaN, atMost: 176, unit: 'B' },
    { target: 'limiter: bytes of a key at 60 a minute', measured: ours?.sixty ?? Number.NaN, atMost: 448, unit: 'B' },
  ];
  if (!options.withPeers) return [...exact, ...size];
  const speed: Verdict[] = [
    { target: 'limiter: batched, one rule, as a multiple of rate-limiter-flexible', measured: ratio(speeds.get(SINGLE), 'ours, batched', 'rate-limiter-flexible'), atLeast: 1.3, unit: 'x' },
    { target: 'limiter: the same, of its auto-pipelined form', measured: ratio(speeds.get(SINGLE), 'ours, batched', 'rate-limiter-flexible, auto-pipelining'), unit: 'x' },
    { target: 'limiter: batched, three rules, as a multiple of its union', measured: ratio(speeds.get(UNION), 'ours, batched', 'rate-limiter-flexible'), atLeast: 1.4, unit: 'x' },
    { target: 'limiter: the same, of its auto-pipelined form', measured: ratio(speeds.get(UNION), 'ours, batched', 'rate-limiter-flexible, auto-pipelining'), unit: 'x' },
    { target: 'limiter: in process, at once, 100 hot keys, as a multiple of RateLimiterMemory', measured: nanosRatio(inProcess.get(100)), atLeast: 10, unit: 'x' },
  ];
  return [...exact, ...size, ...speed];
}

function speedTable([title, rows]: [string, Map<ContestantName, Figures[]>]): string {
  const columns = ['perSecond', 'clientMicros', 'redisMicros', 'allowedPercent'];
  const body = [...rows].map(([name, runs]) => {
    const figures = medians(runs);
    return [name, ...columns.map((column) => shown(figures[column] ?? Number.NaN))];
  });
  return table([title, 'decisions/s', 'client CPU µs', 'Redis CPU µs', 'allowed %'], body);
}

export function reportLimiter(options: LimiterOptions, { stores, errors, bytes, inProcess, speeds }: LimiterMeasured): string {
  const exact = [...stores].map(([name, { decisions, wrong, retries, wrongRetries }]) => [name, shown(decisions), String(wrong), shown(retries), String(wrongRetries)]);
  const errorRows = [...errors].map(([name, each]) => [name, shown(each.decisions), shown(each.falselyAllowedPercent), shown(each.falselyDeniedPercent), shown(each.mostAdmitted)]);
  const nanos = [...inProcess].map(([keys, runs]) => {
    const { atOnceNanos = Number.NaN, promisedNanos = Number.NaN, theirNanos = Number.NaN } = medians(runs);
    return [`${shown(keys)} hot keys`, shown(atOnceNanos), shown(promisedNanos), shown(theirNanos)];
  });
  return [
    'Random decisions on up to four rules, limits that change, costs, a clock that goes back; every field compared with a plain list of instants.',
    table(['store', 'decisions', 'wrong', 'retries', 'wrong retries'], exact),
    '',
    'Real time, 10 a second, 200 users who each try 15 a second at random, judged by what the limiter itself admitted; doubtful cases not counted.',
    table(['limiter', 'decisions', 'falsely allowed %', 'falsely denied %', 'most in a window, x limit'], errorRows),
    '',
    'Bytes of the keys of one user at the limit (MEMORY USAGE).',
    table(['limiter', 'at 10 a minute', 'at 60 a minute'], [...bytes].map(([name, { ten, sixty }]) => [name, String(ten), String(sixty)])),
    '',
    'In process, CPU ns per decision, most of them denied; theirs and the last but one return promises.',
    table(['memory', 'ours, at once', 'ours, promised', 'RateLimiterMemory'], nanos),
    '',
    `Throughput at ${options.inFlight} in flight over one connection, almost all allowed; one Redis with an append-only file, emptied before each run.`,
    ...[...speeds].map(speedTable),
  ].join('\n');
}
