import { cpus } from 'node:os';
import type { Backends } from './backends.ts';
import { startChild } from './children.ts';
import { cpuOfTrees } from './cpu.ts';
import type { FromLoad, LoadPlan, LoadResult } from './load.ts';
import { medians, shown, table } from './report.ts';
import type { Figures, Verdict } from './report.ts';
import { withStack } from './stacks.ts';
import type { Stack, StackKind, StackOptions } from './stacks.ts';
import { CONVERSATIONS } from './webhooks.ts';

export interface AcceptOptions extends StackOptions {
  runs: number;
  connections: number;
  warmMs: number;
  measureMs: number;
  /** Webhooks a second of the paced rows. */
  pacedPerSecond: number;
  /** False: what one would write today is left out. */
  withPeers: boolean;
}

/** More than any machine we know of accepts in a second on one core. */
const MOST_PER_SECOND = 40_000;
/** Whatever still waits so long after the load ended has failed. */
const DRAIN_MS = 60_000;

interface Row {
  name: string;
  kind: StackKind;
  pace: 'full' | 'paced';
  /** Worked off to the end after the load, so that its CPU time covers all of a message's way. */
  drains?: true;
}

const PEER = 'express + limiter + SET NX + BullMQ';
const OURS: readonly Row[] = [
  { name: 'ceiling: checked, answered, not stored', kind: 'ceiling', pace: 'full' },
  { name: 'accept: role api', kind: 'api', pace: 'full' },
  { name: 'accept while work drains: role all', kind: 'all', pace: 'full', drains: true },
  { name: 'ceiling, paced', kind: 'ceiling', pace: 'paced' },
  { name: 'accept, paced: role api', kind: 'api', pace: 'paced' },
];
const APART: Row = { name: 'accept while work drains: api and worker', kind: 'split', pace: 'full', drains: true };
const PEERS: readonly Row[] = [
  { name: PEER, kind: 'peer', pace: 'full' },
  { name: `${PEER}, its worker draining`, kind: 'peer-working', pace: 'full', drains: true },
  { name: `${PEER}, paced`, kind: 'peer', pace: 'paced' },
];

function rowsOf({ store, withPeers }: AcceptOptions): Row[] {
  return [...OURS, ...(store === 'postgres' ? [APART] : []), ...(withPeers ? PEERS : [])];
}

function loadPlan(options: AcceptOptions, row: Row, port: number): LoadPlan {
  const { connections, warmMs, measureMs, pacedPerSecond } = options;
  const perSecond = row.pace === 'paced' ? pacedPerSecond : MOST_PER_SECOND;
  const maxRequests = Math.ceil((perSecond * (warmMs + measureMs)) / 1000);
  return { port, connections, pace: row.pace === 'paced' ? pacedPerSecond : 'full', warmMs, measureMs, maxRequests };
}

/** CPU time of the machine, ms. */
function machineMs(): { busy: number; total: number } {
  const times = cpus().map((cpu) => cpu.times);
  const idle = times.reduce((sum, each) => sum + each.idle, 0);
  const total = times.reduce((sum, each) => sum + each.user + each.nice + each.sys + each.irq + each.idle, 0);
  return { busy: total - idle, total };
}

interface Moment {
  at: number;
  cpuMs: number;
  machine: { busy: number; total: number };
}

const momentOf = ({ roots }: Stack): Moment => ({ at: performance.now(), cpuMs: cpuOfTrees(roots) ?? Number.NaN, machine: machineMs() });

/** Resolves when no message waits for its ending. */
async function drained(stack: Stack): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  while ((await stack.told()).pending > 0) {
    if (performance.now() > deadline) throw new Error(`not drained ${DRAIN_MS} ms after the load ended`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The way of every message to its end: throughput and CPU time from the first webhook until nothing waits. */
async function wholeWay(stack: Stack, since: Moment, result: LoadResult): Promise<Figures> {
  await drained(stack);
  const end = momentOf(stack);
  return { throughPerSecond: (result.totalAcks * 1000) / (end.at - since.at), messageMicros: ((end.cpuMs - since.cpuMs) * 1000) / result.totalAcks };
}

async function measure(options: AcceptOptions, row: Row, stack: Stack): Promise<Figures> {
  const load = startChild('./load.ts', loadPlan(options, row, stack.port));
  try {
    await load.next<Extract<FromLoad, { kind: 'starting' }>>('starting');
    const start = momentOf(stack);
    await load.next<Extract<FromLoad, { kind: 'measuring' }>>('measuring');
    const measured = load.next<Extract<FromLoad, { kind: 'measured' }>>('measured');
    const before = momentOf(stack);
    const { result } = await measured;
    const after = momentOf(stack);
    if (result.refusals > 0) throw new Error(`${row.name}: ${result.refusals} webhooks were refused`);
    const { rssBytes } = await stack.told();
    const way = row.drains ? await wholeWay(stack, start, result) : {};
    await stack.verify(result.totalAcks);
    return { ...figuresOf(result, before, after), rssMb: rssBytes / 1e6, ...way };
  } finally {
    await load.end('SIGKILL');
  }
}

function figuresOf(result: LoadResult, before: Moment, after: Moment): Figures {
  const serverMs = after.cpuMs - before.cpuMs;
  const othersMs = after.machine.busy - before.machine.busy - serverMs - result.cpuMs;
  return {
    perSecond: (result.acks * 1000) / result.measuredMs,
    ...result.latency,
    messageMicros: (serverMs * 1000) / result.acks,
    loadMicros: (result.cpuMs * 1000) / result.acks,
    othersPercent: Math.max(0, (100 * othersMs) / (after.machine.total - before.machine.total)),
    bodyBytes: result.bodyBytes,
  };
}

/** Runs every row once before any is run again, so that what drifts drifts for all. */
export async function measureAccept(options: AcceptOptions, backends: Backends, progress: (text: string) => void): Promise<Map<string, Figures[]>> {
  const rows = rowsOf(options);
  const runs = new Map(rows.map((row): [string, Figures[]] => [row.name, []]));
  for (let run = 1; run <= options.runs; run += 1) {
    for (const row of rows) {
      const figures = await withStack(backends, { ...options, kind: row.kind }, (stack) => measure(options, row, stack));
      runs.get(row.name)?.push(figures);
      const { perSecond = 0, p99 = 0, messageMicros = 0, othersPercent = 0 } = figures;
      progress(`accept, run ${run}: ${row.name}: ${shown(perSecond)}/s, p99 ${shown(p99)} ms, ${shown(messageMicros)} µs, others ${shown(othersPercent)} %`);
    }
  }
  return runs;
}

const HEAD = ['accept', 'webhooks/s', 'x ceiling', 'x peer', 'p50 ms', 'p99 ms', 'max ms', 'CPU µs/message', 'finished/s', 'RSS MB', 'load µs', 'others %'];

/** The median over the rounds of one row's figure as a part of another's. */
function ratio(runs: Map<string, Figures[]>, figure: string, [name, other]: [string, string]): number | undefined {
  const others = runs.get(other);
  if (!others) return undefined;
  return medians((runs.get(name) ?? []).map((each, round) => ({ ratio: (each[figure] ?? Number.NaN) / (others[round]?.[figure] ?? Number.NaN) }))).ratio;
}

const peerOf = (row: Row): string => `${PEER}${row.drains ? ', its worker draining' : ''}${row.pace === 'paced' ? ', paced' : ''}`;

export function reportAccept(options: AcceptOptions, runs: Map<string, Figures[]>): string {
  const ceiling = OURS[0]?.name ?? '';
  const cell = (value: number | undefined): string => (value === undefined || Number.isNaN(value) ? '-' : shown(value));
  const rows = rowsOf(options).map((row) => {
    const f = medians(runs.get(row.name) ?? []);
    const ratios = row.pace === 'paced' ? [undefined, undefined] : [ratio(runs, 'perSecond', [row.name, ceiling]), ratio(runs, 'perSecond', [row.name, peerOf(row)])];
    return [row.name, cell(f.perSecond), ...ratios.map(cell), ...['p50', 'p99', 'max', 'messageMicros', 'throughPerSecond', 'rssMb', 'loadMicros', 'othersPercent'].map((column) => cell(f[column]))];
  });
  const bodyBytes = medians(runs.get(ceiling) ?? []).bodyBytes ?? 0;
  return [
    `Signed Chatwoot webhooks of ${bodyBytes} bytes to ${shown(CONVERSATIONS)} conversations, ${options.connections} connections; paced: ${shown(options.pacedPerSecond)}/s, latency from`,
    'the moment each was due. After each run of ours the server is killed (SIGKILL) and every acknowledged webhook is found in its store. Work: instant',
    `in-process channel and responder, ${options.concurrency} turns at once, debounce 0; the peer's worker does nothing with ${options.concurrency} jobs at once, in no order.`,
    'CPU µs: all processes that serve it, the database\'s too, per message: accepted, and where work drains, worked off to the end. Finished/s: from the',
    'first webhook until the last has its ending. Others: the part of the machine that none of them used; well above 10, the figures say little.',
    '',
    table(HEAD, rows),
  ].join('\n');
}

/** What the figures say of the targets. */
export function judgeAccept(options: AcceptOptions, runs: Map<string, Figures[]>): Verdict[] {
  if (!options.withPeers) return [];
  const [, api, all] = OURS.map(({ name }) => name) as [string, string, string];
  const draining = `${PEER}, its worker draining`;
  const of = (figure: string, pair: [string, string]): number => ratio(runs, figure, pair) ?? Number.NaN;
  return [
    { target: 'accepted/s at least 1.6 x what one would write today (aim 2.2)', measured: of('perSecond', [api, PEER]), atLeast: 1.6, unit: 'x' },
    { target: 'its p99 no worse: at most 1 x', measured: of('p99', [api, PEER]), atMost: 1, unit: 'x' },
    { target: 'accepted/s while workers drain at least 2 x (aim 3)', measured: of('perSecond', [all, draining]), atLeast: 2, unit: 'x' },
    { target: 'finished/s, from the first webhook to the last ending (no target)', measured: of('throughPerSecond', [all, draining]), unit: 'x' },
    { target: 'CPU per message, worked off to the end, at most 0.5 x (aim 0.25)', measured: of('messageMicros', [all, draining]), atMost: 0.5, unit: 'x' },
  ];
}
