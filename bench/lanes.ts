import { startChild, withDataDir } from './children.ts';
import type { LaneDone, LanePlan } from './lane-child.ts';
import { medians, shown, table } from './report.ts';
import type { Figures } from './report.ts';

export interface LanesOptions {
  runs: number;
  concurrency: number;
  conversations: number;
  jobsEach: number;
  turns: number;
  wakes: number;
  wakesPerSecond: number;
}

type Kind = LanePlan['kind'];
const KINDS: readonly Kind[] = ['jobs', 'turns', 'wakes'];

function planOf(kind: Kind, options: LanesOptions, dataDir: string): LanePlan {
  const { concurrency, conversations, jobsEach, turns, wakes, wakesPerSecond } = options;
  switch (kind) {
    case 'jobs':
      return { kind, dataDir, concurrency, conversations, jobsEach };
    case 'turns':
      return { kind, dataDir, concurrency, turns };
    case 'wakes':
      return { kind, dataDir, concurrency, wakes, perSecond: wakesPerSecond };
  }
}

async function measure(plan: LanePlan): Promise<Figures> {
  const child = startChild('./lane-child.ts', plan);
  try {
    return (await child.next<LaneDone>('done')).figures;
  } finally {
    await child.end('SIGKILL');
  }
}

export async function measureLanes(options: LanesOptions, progress: (text: string) => void): Promise<Record<Kind, Figures>> {
  const runs: Record<Kind, Figures[]> = { jobs: [], turns: [], wakes: [] };
  for (let run = 1; run <= options.runs; run += 1) {
    for (const kind of KINDS) {
      const figures = await withDataDir((dataDir) => measure(planOf(kind, options, dataDir)));
      runs[kind].push(figures);
      progress(`lanes, run ${run}: ${kind}: ${Object.entries(figures).map(([name, value]) => `${name} ${shown(value)}`).join(', ')}`);
    }
  }
  return { jobs: medians(runs.jobs), turns: medians(runs.turns), wakes: medians(runs.wakes) };
}

export function reportLanes(options: LanesOptions, { jobs, turns, wakes }: Record<Kind, Figures>): string {
  const { concurrency, conversations, jobsEach } = options;
  const figure = (figures: Figures, name: string): string => shown(figures[name] ?? Number.NaN);
  return [
    `Store: SQLite on its thread, WAL, synchronous=FULL, group commit, default settings; a fresh file per run; ${concurrency} lanes at once; typing off,`,
    'debounce 0, instant in-process channel and responder. Every run checks that each job ended once, and that each reply was sent once.',
    '',
    table(
      ['lanes', 'per second', 'p50 ms', 'p99 ms'],
      [
        [`jobs that do nothing, ${shown(conversations)} conversations x ${jobsEach}`, figure(jobs, 'perSecond'), '-', '-'],
        [`whole turns, reply stored and sent, ${shown(options.turns)} conversations`, figure(turns, 'perSecond'), '-', '-'],
        [`commit known to claim, at ${shown(options.wakesPerSecond)}/s`, '-', figure(wakes, 'commitP50'), figure(wakes, 'commitP99')],
        [`append called to claim (its commit included), at ${shown(options.wakesPerSecond)}/s`, '-', figure(wakes, 'callP50'), figure(wakes, 'callP99')],
      ],
    ),
  ].join('\n');
}
