import { CallGate } from '../src/app/gate.ts';
import type { OrgId } from '../src/domain/ids.ts';
import type { CallResult } from '../src/ports/gate.ts';
import { namedDraws } from '../simulators/chance.ts';
import { simulate, type CallEnd, type Controller, type Overflow, type SimResult } from './provider-sim.ts';
import { medians, shown, table, type Figures, type Verdict } from './report.ts';

export interface AdaptiveOptions {
  runs: number;
  /** Of each of the three capacities, ms of virtual time. */
  phaseMs: number;
  callers: number;
}

const CAPACITIES = [40, 10, 40];
const TIMEOUT_MS = 30_000;
const OVERFLOWS: Overflow[] = ['refuses', 'queues'];
const FIXED = [10, 40, 200];

/** Calls at once that never change: what one sets when one does not know better. */
function fixed(most: number): Controller {
  let inFlight = 0;
  return {
    async enter() {
      if (inFlight >= most) return { waitMs: 100 };
      inFlight += 1;
      return { leave: () => void (inFlight -= 1) };
    },
  };
}

const resultOf = (end: CallEnd): CallResult => (end.kind === 'limited' ? { kind: 'limited', retryAfterMs: 0 } : end);

/** The gate that stands before each model, with breaker, budget and bulkhead; two orgs share it. */
function ours(now: () => number, draw: () => number): Controller {
  const clock = { now, monotonic: now, sleep: () => new Promise<void>(() => undefined) };
  const board = { list: async () => [], open: async () => undefined, close: async () => undefined, probe: async () => 'yours' as const };
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const gate = new CallGate('simulated', { clock, random: draw, log, board }, { isAdaptive: true });
  let n = 0;
  return {
    async enter() {
      const entry = await gate.enter({ orgId: `org_${(n += 1) % 2}` as OrgId, isRetry: false });
      return entry.kind === 'wait' ? { waitMs: entry.ms } : { leave: (end) => entry.pass.leave(resultOf(end)) };
    },
  };
}

function figuresOf({ answered, ideal, calls, limited, late, p95Ms }: SimResult): Figures {
  return { goodput: (100 * answered) / ideal, refused: (100 * limited) / calls, late, p95: p95Ms / 1000 };
}

export type Adaptive = Record<string, Figures[]>;

const nameOf = (who: string, overflow: Overflow): string => `${who}, ${overflow}`;

/** Virtual time: the figures depend on the seeds alone, and not on the machine. */
export async function measureAdaptive(options: AdaptiveOptions, progress: (text: string) => void): Promise<Adaptive> {
  const found: Adaptive = {};
  for (let run = 0; run < options.runs; run++) {
    progress(`adaptive: run ${run + 1} of ${options.runs}`);
    for (const overflow of OVERFLOWS) {
      const once = async (who: string, make: (now: () => number) => Controller): Promise<void> => {
        const { phaseMs, callers } = options;
        const capacity = CAPACITIES.map((calls, i) => ({ from: i * phaseMs, calls }));
        const random = namedDraws(run + 1, overflow);
        const result = await simulate({ capacity, overflow, endMs: CAPACITIES.length * phaseMs, callers, timeoutMs: TIMEOUT_MS, random }, make);
        (found[nameOf(who, overflow)] ??= []).push(figuresOf(result));
      };
      await once('adaptive', (now) => ours(now, namedDraws(run + 1, 'gate')));
      for (const most of FIXED) await once(`always ${most}`, () => fixed(most));
    }
  }
  return found;
}

export function reportAdaptive(options: AdaptiveOptions, found: Adaptive): string {
  const rows = Object.entries(found).map(([name, runs]) => {
    const { goodput = 0, refused = 0, late = 0, p95 = 0 } = medians(runs);
    return [name, `${shown(goodput)} %`, `${shown(refused)} %`, shown(late), `${shown(p95)} s`];
  });
  const head = ['calls at once, and what the provider does beyond its capacity', 'goodput of ideal', '429s', 'timed out', 'p95'];
  const what = `A provider that takes ${CAPACITIES.join(', then ')} calls at once, ${options.phaseMs / 1000} s each, and ${options.callers} callers that always have something to ask (virtual time)`;
  return `${what}\n\n${table(head, rows)}`;
}

export function judgeAdaptive(found: Adaptive): Verdict[] {
  const [refuses, queues] = OVERFLOWS.map((overflow) => medians(found[nameOf('adaptive', overflow)] ?? []));
  const of = (figures: Figures | undefined, name: string): number => figures?.[name] ?? Number.NaN;
  return [
    { target: 'adaptive: goodput of ideal, provider refuses', measured: of(refuses, 'goodput'), atLeast: 90, unit: '%' },
    { target: 'adaptive: calls refused (429)', measured: of(refuses, 'refused'), atMost: 6, unit: '%' },
    { target: 'adaptive: goodput of ideal, provider queues', measured: of(queues, 'goodput'), atLeast: 90, unit: '%' },
  ];
}
