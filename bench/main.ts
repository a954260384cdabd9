import { Command, InvalidArgumentError, Option } from 'commander';
import { measureAccept, reportAccept } from './accept.ts';
import { measureLanes, reportLanes } from './lanes.ts';
import { environment } from './report.ts';

const NAMES = ['accept', 'lanes'] as const;
type Name = (typeof NAMES)[number];

interface Flags {
  runs: number;
  store: string;
  connections: number;
  concurrency: number;
  quick: boolean;
  profile?: string;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('give a whole number, 1 or more');
  return value;
}

function onlySqlite(text: string): string {
  if (text !== 'sqlite') throw new InvalidArgumentError(`only sqlite can be measured, not ${text}`);
  return text;
}

function toName(text: string, before: Name[] = []): Name[] {
  const name = NAMES.find((known) => known === text);
  if (!name) throw new InvalidArgumentError(`there are ${NAMES.join(' and ')}`);
  return [...before, name];
}

const progress = (text: string): void => void process.stderr.write(`${text}\n`);

async function accept({ runs, connections, concurrency, quick, profile }: Flags): Promise<string> {
  const times = quick ? { warmMs: 200, measureMs: 500 } : { warmMs: 1500, measureMs: 4000 };
  const options = { runs, connections, concurrency, pacedPerSecond: 1000, ...times, ...(profile !== undefined && { profileDir: profile }) };
  return reportAccept(options, await measureAccept(options, progress));
}

async function lanes({ runs, concurrency, quick }: Flags): Promise<string> {
  const sizes = quick ? { conversations: 500, turns: 300, wakes: 30 } : { conversations: 10_000, turns: 10_000, wakes: 400 };
  const options = { runs, concurrency, jobsEach: 5, wakesPerSecond: 100, ...sizes };
  return reportLanes(options, await measureLanes(options, progress));
}

const program = new Command('bench')
  .description('Measures what Chasqui does on this machine and prints medians; docs/benchmarks.md says what they mean.')
  .argument('[names...]', 'what to measure: accept, lanes (default: both)', toName)
  .addOption(new Option('--runs <number>', 'interleaved runs, of which medians are printed').argParser(count).default(5))
  .addOption(new Option('--store <name>', 'the store under test').argParser(onlySqlite).default('sqlite'))
  .addOption(new Option('--connections <number>', 'connections of the load generator').argParser(count).default(64))
  .addOption(new Option('--concurrency <number>', 'turns at once, where turns are run').argParser(count).default(64))
  .option('--quick', 'one short run of everything, to see that it works; its figures mean little', false)
  .option('--profile <folder>', 'with accept: writes CPU profiles of the servers there, one per thread; the figures of such a run mean little')
  .parse();

const given = program.opts<Flags>();
const flags = given.quick ? { ...given, runs: 1 } : given;
const asked = (program.processedArgs[0] as Name[] | undefined) ?? [];
const names = asked.length > 0 ? asked : NAMES;
const benches: Record<Name, (flags: Flags) => Promise<string>> = { accept, lanes };

process.stdout.write(`${environment()}; medians of ${flags.runs} interleaved runs\n`);
for (const name of new Set(names)) process.stdout.write(`\n${await benches[name](flags)}\n`);
