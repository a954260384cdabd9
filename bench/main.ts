import { Command, InvalidArgumentError, Option } from 'commander';
import { judgeAdaptive, measureAdaptive, reportAdaptive } from './adaptive.ts';
import { judgeAccept, measureAccept, reportAccept } from './accept.ts';
import { Backends } from './backends.ts';
import { judgeFairness, measureFairness, reportFairness } from './fairness.ts';
import { judgeLanes, measureLanes, reportLanes } from './lanes.ts';
import { judgeLimiter, measureLimiter, reportLimiter } from './limiter.ts';
import { judgeLatency, measureLatency, reportLatency } from './latency.ts';
import { installPeers, peerVersions } from './peers.ts';
import { environment, verdictTable } from './report.ts';
import type { Verdict } from './report.ts';
import type { EngineKind, StoreKind } from './stacks.ts';

const NAMES = ['accept', 'lanes', 'latency', 'fairness', 'limiter', 'adaptive'] as const;
type Name = (typeof NAMES)[number];

interface Flags {
  runs: number;
  store: StoreKind;
  engine: EngineKind;
  connections: number;
  concurrency: number;
  quick: boolean;
  peers: boolean;
  profile?: string;
}

interface Bench {
  flags: Flags;
  backends: Backends;
  withPeers: boolean;
  progress(text: string): void;
}

interface Outcome {
  text: string;
  verdicts: Verdict[];
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number, 1 or more');
  return value;
}

function toName(text: string, before: Name[] = []): Name[] {
  const name = NAMES.find((known) => known === text);
  if (!name) throw new InvalidArgumentError(`there are ${NAMES.join(', ')}`);
  return [...before, name];
}

async function accept({ flags, backends, withPeers, progress }: Bench): Promise<Outcome> {
  const { runs, store, engine, connections, concurrency, profile, quick } = flags;
  const times = quick ? { warmMs: 200, measureMs: 500 } : { warmMs: 800, measureMs: 2200 };
  const options = { runs, store, engine, connections, concurrency, withPeers, pacedPerSecond: 1000, ...times, ...(profile !== undefined && { profileDir: profile }) };
  const measured = await measureAccept(options, backends, progress);
  return { text: reportAccept(options, measured), verdicts: judgeAccept(options, measured) };
}

async function lanes({ flags, backends, withPeers, progress }: Bench): Promise<Outcome> {
  const { runs, store, engine, concurrency, quick } = flags;
  const sizes = quick ? { conversations: 200, turns: 200, rounds: 1 } : { conversations: 1000, turns: 4000, rounds: 3 };
  const options = { runs, store, engine, concurrency, withPeers, jobsEach: 5, ...sizes };
  const measured = await measureLanes(options, backends, progress);
  return { text: reportLanes(options, measured), verdicts: judgeLanes(options, measured) };
}

async function latency({ flags, backends, progress }: Bench): Promise<Outcome> {
  const { runs, store, engine, concurrency, quick } = flags;
  const times = quick ? { warmMs: 200, measureMs: 500 } : { warmMs: 500, measureMs: 3000 };
  const options = { runs, store, engine, concurrency, perSecond: 100, ...times };
  const measured = await measureLatency(options, backends, progress);
  return { text: reportLatency(options, measured), verdicts: judgeLatency(options, measured) };
}

async function fairness({ flags, backends, progress }: Bench): Promise<Outcome> {
  const { runs, store, engine, quick } = flags;
  const times = quick ? { warmMs: 300, measureMs: 700 } : { warmMs: 500, measureMs: 3000 };
  const options = { runs, store, engine, concurrency: 8, perSecond: 10, serviceMs: 20, ...times };
  const measured = await measureFairness(options, backends, progress);
  return { text: reportFairness(options, measured), verdicts: judgeFairness(options, measured) };
}

async function limiter({ flags, backends, withPeers, progress }: Bench): Promise<Outcome> {
  const { runs, quick } = flags;
  const sizes = quick ? { decisions: 3000, warmMs: 200, measureMs: 300, errorSeconds: 2 } : { decisions: 1_000_000, warmMs: 1000, measureMs: 2500, errorSeconds: 20 };
  const options = { runs, withPeers, inFlight: 64, ...sizes };
  const measured = await measureLimiter(options, backends, progress);
  return { text: reportLimiter(options, measured), verdicts: judgeLimiter(options, measured) };
}

async function adaptive({ flags, progress }: Bench): Promise<Outcome> {
  const options = { runs: flags.runs, callers: 200, phaseMs: flags.quick ? 30_000 : 120_000 };
  const measured = await measureAdaptive(options, progress);
  return { text: reportAdaptive(options, measured), verdicts: judgeAdaptive(measured) };
}

const BENCHES: Record<Name, (bench: Bench) => Promise<Outcome>> = { accept, lanes, latency, fairness, limiter, adaptive };
const progress = (text: string): void => void process.stderr.write(`${text}\n`);

/** False when there is nothing to compare with; why not is said aloud. */
async function peersReady({ peers }: Flags, backends: Backends): Promise<boolean> {
  if (!peers) return false;
  const servers = [await backends.redis('everysec'), await backends.redis('always'), await backends.postgres()];
  const trouble = servers.includes(null) ? 'Redis or PostgreSQL is not installed' : installPeers(progress);
  if (trouble === null) return true;
  const notice = `NOT COMPARED with anything else, only ours is measured: ${trouble}`;
  process.stderr.write(`${notice}\n`);
  process.stdout.write(`${notice}\n`);
  return false;
}

async function describe(flags: Flags, backends: Backends): Promise<string> {
  const postgres = flags.store === 'postgres' ? await backends.postgres() : null;
  if (flags.store === 'postgres' && !postgres) throw new Error('--store postgres: PostgreSQL is not installed (Debian: apt-get install postgresql)');
  const store = postgres ? `PostgreSQL ${postgres.version}, fsync and synchronous_commit on` : `SQLite ${process.versions.sqlite} on its thread, WAL, synchronous=FULL`;
  return `${environment()}; ${store}; engine ${flags.engine}; medians of ${flags.runs} interleaved runs`;
}

async function run(names: readonly Name[], flags: Flags): Promise<void> {
  await using backends = new Backends();
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  write(await describe(flags, backends));
  const compares = names.includes('accept') || names.includes('lanes') || names.includes('limiter');
  const withPeers = compares && (await peersReady(flags, backends));
  if (withPeers) write(`Compared with ${peerVersions(['express', 'rate-limiter-flexible', '@upstash/ratelimit', 'bullmq', 'ioredis', 'groupmq', 'pg-boss', 'graphile-worker'])}; Redis ${(await backends.redis('everysec'))?.version ?? ''}`);
  const verdicts: Verdict[] = [];
  for (const name of new Set(names)) {
    const outcome = await BENCHES[name]({ flags, backends, withPeers, progress });
    write(`\n${outcome.text}`);
    verdicts.push(...outcome.verdicts);
  }
  if (verdicts.length > 0) write(`\n${verdictTable(verdicts)}`);
}

const program = new Command('bench')
  .description('Measures what Chasqui does on this machine and prints medians; docs/benchmarks.md says what they mean.')
  .argument('[names...]', `what to measure: ${NAMES.join(', ')} (default: all)`, toName)
  .addOption(new Option('--runs <number>', 'interleaved runs, of which medians are printed').argParser(count).default(5))
  .addOption(new Option('--store <name>', 'the store under test').choices(['sqlite', 'postgres']).default('sqlite'))
  .addOption(new Option('--engine <name>', 'where wake-ups come from').choices(['local', 'bullmq']).default('local'))
  .addOption(new Option('--connections <number>', 'connections of the load generator').argParser(count).default(64))
  .addOption(new Option('--concurrency <number>', 'turns and jobs at once, where work is done, theirs too').argParser(count).default(64))
  .option('--no-peers', 'measure only ours')
  .option('--quick', 'one short run of everything, to see that it works; its figures mean little', false)
  .option('--profile <folder>', 'with accept: writes CPU profiles of the servers there, one per thread; the figures of such a run mean little')
  .parse();

const given = program.opts<Flags>();
const asked = (program.processedArgs[0] as Name[] | undefined) ?? [];
await run(asked.length > 0 ? asked : NAMES, given.quick ? { ...given, runs: 1 } : given);
