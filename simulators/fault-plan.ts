import { namedDraws } from './chance.ts';
import type { Draw } from './chance.ts';

export interface Fault {
  kind: string;
}

/** Share of occasions, 0 to 1, that get a fault of each kind. They add up to at most 1. */
export type FaultRates<F extends Fault> = Partial<Record<F['kind'], number>>;

/** What goes wrong, and when: an explicit queue per operation first, then seeded rates. */
export interface FaultPlan<F extends Fault> {
  /** The next occasions of this operation (`*`: of any) get these, first in first out. */
  queue(operation: string, ...faults: F[]): void;
  /** Replaces the rates. `only`: limits them to these operations. */
  setRates(rates: FaultRates<F>, only?: string[]): void;
  /** No further faults: forgets queues and rates, keeps the counts. */
  stop(): void;
  /** The fault of this occasion, counted, or null. `about` names what the occasion is about, for replay by seed. */
  next(operation: string, about: string | number): F | null;
  /** How many of each kind were injected. */
  readonly counts: Partial<Record<F['kind'], number>>;
}

export interface FaultPlanOptions<F extends Fault> {
  seed: number;
  /** Fills in the parameters of a fault that a rate chose. */
  make(kind: F['kind'], draw: Draw): F;
  /** Whether a rate may choose this kind for this operation. */
  suits(kind: F['kind'], operation: string): boolean;
  rates?: FaultRates<F>;
}

export function createFaultPlan<F extends Fault>(options: FaultPlanOptions<F>): FaultPlan<F> {
  const counts: Partial<Record<F['kind'], number>> = {};
  const queues = new Map<string, F[]>();
  const occasions = new Map<string, number>();
  let rates: [F['kind'], number][] = [];
  let only: Set<string> | null = null;

  const setRates = (wanted: FaultRates<F>, operations?: string[]): void => {
    rates = checkedRates(wanted);
    only = operations ? new Set(operations) : null;
  };
  const drawn = (operation: string, about: string | number): F | null => {
    if (rates.length === 0 || (only && !only.has(operation))) return null;
    const subject = `${operation}:${about}`;
    const nth = (occasions.get(subject) ?? 0) + 1;
    occasions.set(subject, nth);
    const draw = namedDraws(options.seed, `${subject}:${nth}`);
    const kind = pick(rates.filter(([each]) => options.suits(each, operation)), draw());
    return kind === null ? null : options.make(kind, draw);
  };
  if (options.rates) setRates(options.rates);
  return {
    counts,
    setRates,
    queue(operation, ...faults) {
      queues.set(operation, [...(queues.get(operation) ?? []), ...faults]);
    },
    stop() {
      queues.clear();
      rates = [];
    },
    next(operation, about) {
      const fault = queues.get(operation)?.shift() ?? queues.get('*')?.shift() ?? drawn(operation, about);
      if (fault) counts[fault.kind as F['kind']] = (counts[fault.kind as F['kind']] ?? 0) + 1;
      return fault;
    },
  };
}

function pick<K>(rates: [K, number][], at: number): K | null {
  let upTo = 0;
  for (const [kind, rate] of rates) {
    upTo += rate;
    if (at < upTo) return kind;
  }
  return null;
}

function checkedRates<F extends Fault>(rates: FaultRates<F>): [F['kind'], number][] {
  const entries = Object.entries(rates) as [F['kind'], number][];
  const total = entries.reduce((sum, [, rate]) => sum + rate, 0);
  if (entries.some(([, rate]) => !(rate >= 0 && rate <= 1)) || total > 1 + 1e-9) {
    throw new RangeError(`fault rates must be between 0 and 1 and add up to at most 1: ${JSON.stringify(rates)}`);
  }
  return entries;
}
