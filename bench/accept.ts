import { cpus } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { startChild, withDataDir } from './children.ts';
import type { Child } from './children.ts';
import type { FromLoad, LoadPlan, LoadResult } from './load.ts';
import { medians, shown, table } from './report.ts';
import type { Figures } from './report.ts';
import type { FromServer, ServerPlan, Told } from './server.ts';
import { CONVERSATIONS } from './webhooks.ts';

export interface AcceptOptions {
  runs: number;
  connections: number;
  concurrency: number;
  warmMs: number;
  measureMs: number;
  /** Webhooks a second of the paced rows. */
  pacedPerSecond: number;
  /** Folder for CPU profiles of the servers, one per thread. They slow down what they profile. */
  profileDir?: string;
}

/** More than any machine we know of accepts in a second on one core. */
const MOST_PER_SECOND = 80_000;

interface Row {
  name: string;
  kind: ServerPlan['kind'];
  isPaced: boolean;
}

const ROWS: readonly Row[] = [
  { name: 'ceiling: checked, answered, not stored', kind: 'ceiling', isPaced: false },
  { name: 'accept: role api', kind: 'api', isPaced: false },
  { name: 'accept while work drains: role all', kind: 'all', isPaced: false },
  { name: 'ceiling, paced', kind: 'ceiling', isPaced: true },
  { name: 'accept, paced: role api', kind: 'api', isPaced: true },
];

function loadPlan(options: AcceptOptions, row: Row, port: number): LoadPlan {
  const { connections, warmMs, measureMs, pacedPerSecond } = options;
  const perSecond = row.isPaced ? pacedPerSecond : MOST_PER_SECOND;
  const maxRequests = Math.ceil((perSecond * (warmMs + measureMs)) / 1000);
  return { port, connections, pace: row.isPaced ? pacedPerSecond : 'full', warmMs, measureMs, maxRequests };
}

function startServer(options: AcceptOptions, row: Row, dataDir: string): Child {
  const { concurrency, profileDir } = options;
  const profiling = profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', join(profileDir, row.name.replaceAll(/[^a-z]+/g, '-'))];
  return startChild('./server.ts', { kind: row.kind, dataDir, concurrency } satisfies ServerPlan, profiling);
}

/** Killed, so that nothing can be written late; with a profile, which is written at the end, stopped in order. */
async function endServer(server: Child, options: AcceptOptions): Promise<void> {
  if (options.profileDir === undefined) return server.end('SIGKILL');
  server.send({ kind: 'stop' });
  await server.gone;
}

/** CPU time of the machine, ms. */
function machineMs(): { busy: number; total: number } {
  const times = cpus().map((cpu) => cpu.times);
  const idle = times.reduce((sum, each) => sum + each.idle, 0);
  const total = times.reduce((sum, each) => sum + each.user + each.nice + each.sys + each.irq + each.idle, 0);
  return { busy: total - idle, total };
}

interface Moment {
  server: Told;
  machine: { busy: number; total: number };
}

async function momentOf(server: Child): Promise<Moment> {
  const machine = machineMs();
  return { server: await tell(server), machine };
}

async function tell(server: Child): Promise<Told> {
  const told = server.next<Told>('told');
  server.send({ kind: 'tell' });
  return told;
}

/** Every acknowledged webhook must be in the file after the server was killed. */
function assertStored(dataDir: string, result: LoadResult): void {
  const db = new DatabaseSync(join(dataDir, 'chasqui.db'));
  const { stored } = db.prepare("select count(*) as stored from message where direction = 'inbound'").get() as { stored: number };
  db.close();
  if (stored < result.totalAcks) throw new Error(`${result.totalAcks} webhooks were acknowledged, but ${stored} are stored`);
}

async function measure(options: AcceptOptions, row: Row, dataDir: string): Promise<Figures> {
  const server = startServer(options, row, dataDir);
  try {
    const { port } = await server.next<Extract<FromServer, { kind: 'listening' }>>('listening');
    const load = startChild('./load.ts', loadPlan(options, row, port));
    await load.next<Extract<FromLoad, { kind: 'measuring' }>>('measuring');
    const measured = load.next<Extract<FromLoad, { kind: 'measured' }>>('measured');
    const before = await momentOf(server);
    const { result } = await measured;
    const after = await momentOf(server);
    await endServer(server, options);
    if (result.refusals > 0) throw new Error(`${row.name}: ${result.refusals} webhooks were refused`);
    if (row.kind !== 'ceiling') assertStored(dataDir, result);
    return figuresOf(result, before, after);
  } finally {
    await server.end('SIGKILL');
  }
}

function figuresOf(result: LoadResult, before: Moment, after: Moment): Figures {
  const seconds = result.measuredMs / 1000;
  const serverMs = after.server.cpuMs - before.server.cpuMs;
  const othersMs = after.machine.busy - before.machine.busy - serverMs - result.cpuMs;
  return {
    perSecond: result.acks / seconds,
    ...result.latency,
    serverMicros: (serverMs * 1000) / result.acks,
    loadMicros: (result.cpuMs * 1000) / result.acks,
    answeredPerSecond: (after.server.sent - before.server.sent) / seconds,
    rssMb: after.server.rssBytes / 1e6,
    othersPercent: Math.max(0, (100 * othersMs) / (after.machine.total - before.machine.total)),
    bodyBytes: result.bodyBytes,
  };
}

/** Runs every row once before any is run again, so that what drifts drifts for all. */
export async function measureAccept(options: AcceptOptions, progress: (text: string) => void): Promise<Map<string, Figures>> {
  const runs = ROWS.map((): Figures[] => []);
  for (let run = 1; run <= options.runs; run += 1) {
    for (const [index, row] of ROWS.entries()) {
      const figures = await withDataDir((dataDir) => measure(options, row, dataDir));
      runs[index]?.push(figures);
      progress(`accept, run ${run}: ${row.name}: ${shown(figures.perSecond ?? 0)}/s, p99 ${shown(figures.p99 ?? 0)} ms, others ${shown(figures.othersPercent ?? 0)} %`);
    }
  }
  withRatios(runs);
  return new Map(ROWS.map((row, index) => [row.name, medians(runs[index] ?? [])]));
}

/** Each full-load run as a part of the ceiling of the same round. */
function withRatios(runs: Figures[][]): void {
  const ceilings = runs[0] ?? [];
  for (const [index, row] of ROWS.entries()) {
    if (row.isPaced) continue;
    for (const [round, figures] of (runs[index] ?? []).entries()) figures.ratio = (figures.perSecond ?? 0) / (ceilings[round]?.perSecond ?? 0);
  }
}

const HEAD = ['accept', 'webhooks/s', 'x ceiling', 'p50 ms', 'p99 ms', 'max ms', 'server CPU µs', 'load CPU µs', 'answered/s', 'RSS MB', 'others %'];

export function reportAccept(options: AcceptOptions, measured: Map<string, Figures>): string {
  const rows = [...measured].map(([name, f]) => {
    const columns = ['perSecond', 'ratio', 'p50', 'p99', 'max', 'serverMicros', 'loadMicros', 'answeredPerSecond', 'rssMb', 'othersPercent'];
    return [name, ...columns.map((column) => (f[column] === undefined ? '-' : shown(f[column])))];
  });
  const bodyBytes = [...measured.values()][0]?.bodyBytes ?? 0;
  return [
    `Signed Chatwoot webhooks of ${bodyBytes} bytes to ${shown(CONVERSATIONS)} conversations, ${options.connections} connections; paced: ${shown(options.pacedPerSecond)}/s, latency from`,
    `the moment each was due. Store: SQLite on its thread, WAL, synchronous=FULL, group commit, default settings; a fresh file per run.`,
    `After each run the server is killed (SIGKILL) and every acknowledged webhook is found in its file. Role all: instant in-process channel`,
    `and responder, ${options.concurrency} turns at once, debounce 0. CPU µs: time of the whole process per acknowledged webhook.`,
    `Others: the part of the machine that neither server nor load generator used while it was busy; well above 10, the figures say little.`,
    '',
    table(HEAD, rows),
  ].join('\n');
}
