import type { Backends, Fsync } from './backends.ts';
import { startChild } from './children.ts';
import type { LaneDone, LanePlan } from './lane-child.ts';
import { peerVersions } from './peers.ts';
import { medians, shown, table } from './report.ts';
import type { Figures, Verdict } from './report.ts';
import { withStore } from './stacks.ts';
import type { StackOptions } from './stacks.ts';

export interface LanesOptions extends StackOptions {
  runs: number;
  conversations: number;
  jobsEach: number;
  /** How often these jobs are laid out and worked off in a run, after one time that does not count. */
  rounds: number;
  turns: number;
  withPeers: boolean;
}

interface Row {
  name: string;
  /** `per`: what is counted. */
  measure(options: LanesOptions, backends: Backends): Promise<Figures>;
}

async function child(file: string, plan: object): Promise<Figures> {
  const process = startChild(file, plan);
  try {
    return (await process.next<LaneDone>('done')).figures;
  } finally {
    await process.end('SIGKILL');
  }
}

function ours(kind: LanePlan['kind']): Row['measure'] {
  return (options, backends) => withStore(backends, { ...options, engine: 'local' }, (where) => child('./lane-child.ts', { ...options, kind, where }));
}

function onRedis(file: string, fsync: Fsync): Row['measure'] {
  return async (options, backends) => {
    const redis = await backends.redis(fsync);
    if (!redis) throw new Error('Redis is not installed');
    return redis.emptied((redisUrl) => child(file, { ...options, redisUrl }));
  };
}

function onPostgres(file: string): Row['measure'] {
  return async (options, backends) => {
    const postgres = await backends.postgres();
    if (!postgres) throw new Error('PostgreSQL is not installed');
    return postgres.withDatabase((databaseUrl) => child(file, { ...options, databaseUrl }));
  };
}

const JOBS = 'jobs that do nothing';
const TURNS = 'whole turns, reply stored and sent';
const BULLMQ_ALWAYS = 'BullMQ, AOF always (no order)';
const GROUPMQ = 'groupmq, AOF everysec (in order)';

const OURS: readonly Row[] = [
  { name: `${JOBS} (in order, fsynced)`, measure: ours('jobs') },
  { name: TURNS, measure: ours('turns') },
];
const PEERS: readonly Row[] = [
  { name: 'BullMQ, AOF everysec (no order)', measure: onRedis('./peers/bullmq.mjs', 'everysec') },
  { name: BULLMQ_ALWAYS, measure: onRedis('./peers/bullmq.mjs', 'always') },
  { name: GROUPMQ, measure: onRedis('./peers/groupmq.mjs', 'everysec') },
  { name: 'pg-boss, batches of 100 (no order, fsynced)', measure: onPostgres('./peers/pg-boss.mjs') },
  { name: 'graphile-worker, local queue (no order, fsynced)', measure: onPostgres('./peers/graphile.mjs') },
];

const rowsOf = ({ withPeers }: LanesOptions): readonly Row[] => (withPeers ? [...OURS, ...PEERS] : OURS);

export async function measureLanes(options: LanesOptions, backends: Backends, progress: (text: string) => void): Promise<Map<string, Figures[]>> {
  const rows = rowsOf(options);
  const runs = new Map(rows.map((row): [string, Figures[]] => [row.name, []]));
  for (let run = 1; run <= options.runs; run += 1) {
    for (const row of rows) {
      const figures = await row.measure(options, backends);
      runs.get(row.name)?.push(figures);
      progress(`lanes, run ${run}: ${row.name}: ${shown(figures.perSecond ?? 0)}/s`);
    }
  }
  return runs;
}

/** Ours as a multiple of another row's, round by round. */
function multiple(runs: Map<string, Figures[]>, other: string): number {
  const others = runs.get(other) ?? [];
  const mine = runs.get(OURS[0]?.name ?? '') ?? [];
  return medians(mine.map((each, round) => ({ times: (each.perSecond ?? 0) / (others[round]?.perSecond ?? Number.NaN) }))).times ?? Number.NaN;
}

export function reportLanes(options: LanesOptions, runs: Map<string, Figures[]>): string {
  const { concurrency, conversations, jobsEach, rounds, turns, withPeers } = options;
  const rows = rowsOf(options).map(({ name }) => [name, shown(medians(runs.get(name) ?? []).perSecond ?? Number.NaN), name.startsWith('whole') || name === OURS[0]?.name ? '-' : shown(multiple(runs, name))]);
  return [
    `Jobs that do nothing: ${shown(conversations)} conversations x ${jobsEach}, laid out first, worked off by one process, ${concurrency} at once; ${rounds} times, after one that does not`,
    `count; from the first job's start until the last has ended. Whole turns: ${shown(turns)} conversations, a message each; every reply is stored, fenced, sent to`,
    `an in-process channel and settled. Every run checks that each job ended once and that each reply was sent once.`,
    ...(withPeers ? [`Compared with ${peerVersions(['bullmq', 'groupmq', 'pg-boss', 'graphile-worker'])}.`] : []),
    '',
    table(['lanes', 'per second', 'ours is x'], rows),
  ].join('\n');
}

export function judgeLanes(options: LanesOptions, runs: Map<string, Figures[]>): Verdict[] {
  if (!options.withPeers) return [];
  return [
    { target: 'jobs that do nothing: ahead of groupmq', measured: multiple(runs, GROUPMQ), atLeast: 1, unit: 'x' },
    { target: 'jobs that do nothing: at least 1 x BullMQ with AOF always (aim 2)', measured: multiple(runs, BULLMQ_ALWAYS), atLeast: 1, unit: 'x' },
  ];
}
