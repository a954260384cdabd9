/** A provider in virtual time, whose capacity changes, and callers with more to ask than it can answer. */

/** How it treats calls beyond its capacity. */
export type Overflow = 'refuses' | 'queues';

export interface SimOptions {
  /** Calls at once, and from when on (ms). */
  capacity: { from: number; calls: number }[];
  overflow: Overflow;
  endMs: number;
  /** Who has something to ask, always; one call at a time each. */
  callers: number;
  /** Callers give up after this, ms. */
  timeoutMs: number;
  /** 0 to 1, reproducible. */
  random: () => number;
}

export type CallEnd = { kind: 'ok'; units: number } | { kind: 'limited' } | { kind: 'late' };

/** What decides how many calls are made at once, in the simulation's time (ms). */
export interface Controller {
  /** `waitMs`: this caller comes again then. */
  enter(now: number): Promise<{ leave(how: CallEnd, now: number): void } | { waitMs: number }>;
}

export interface SimResult {
  answered: number;
  /** What the capacity would have allowed. */
  ideal: number;
  calls: number;
  limited: number;
  late: number;
  p95Ms: number;
}

/** A call takes 0.4 s and 15 ms for each token, give or take a tenth; tokens are log-normal around 100. */
const OWN_MS = 400;
const TOKEN_MS = 15;
const MEDIAN_TOKENS = 100;
const SIGMA = 0.6;
const REFUSAL_MS = 20;
/** A caller that was refused, or got no answer in time, comes again after this, ms. */
const AGAIN_MS = 1_000;
const MEAN_MS = OWN_MS + TOKEN_MS * MEDIAN_TOKENS * Math.exp(SIGMA ** 2 / 2);

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

interface Call {
  startedAt: number;
  tokens: number;
  workMs: number;
  isOver: boolean;
  leave: (how: CallEnd, now: number) => void;
}

interface Due {
  at: number;
  order: number;
  act: () => Promise<void> | void;
}

/** Events in the order of their time: a binary heap. */
class Agenda {
  readonly #heap: Due[] = [];
  #orders = 0;

  add(at: number, act: Due['act']): void {
    this.#heap.push({ at, order: this.#orders++, act });
    let i = this.#heap.length - 1;
    while (i > 0 && this.#isBefore(i, (i - 1) >> 1)) i = this.#swap(i, (i - 1) >> 1);
  }

  next(): Due | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last && this.#heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(due: Due): void {
    this.#heap[0] = due;
    for (let i = 0; ; ) {
      const [left, right] = [2 * i + 1, 2 * i + 2];
      let least = i;
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left;
      if (right < this.#heap.length && this.#isBefore(right, least)) least = right;
      if (least === i) return;
      i = this.#swap(i, least);
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a] as Due, this.#heap[b] as Due];
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #swap(a: number, b: number): number {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b] as Due, this.#heap[a] as Due];
    return b;
  }
}

class Provider {
  readonly #options: SimOptions;
  readonly #controller: Controller;
  readonly #agenda = new Agenda();
  readonly #queue: Call[] = [];
  readonly #latencies: number[] = [];
  #now = 0;
  #working = 0;
  readonly result: SimResult = { answered: 0, ideal: 0, calls: 0, limited: 0, late: 0, p95Ms: 0 };

  constructor(options: SimOptions, controller: Controller) {
    this.#options = options;
    this.#controller = controller;
  }

  async run(): Promise<SimResult> {
    const { endMs, capacity, callers } = this.#options;
    for (const { from } of capacity) this.#agenda.add(from, () => this.#work());
    for (let i = 0; i < callers; i++) this.#agenda.add(0, () => this.#ask());
    for (let due = this.#agenda.next(); due && due.at <= endMs; due = this.#agenda.next()) {
      this.#now = due.at;
      await due.act();
    }
    for (const [i, { from, calls }] of capacity.entries()) this.result.ideal += (calls * ((capacity[i + 1]?.from ?? endMs) - from)) / MEAN_MS;
    this.result.p95Ms = this.#latencies.toSorted((a, b) => a - b)[Math.floor(this.#latencies.length * 0.95)] ?? 0;
    return this.result;
  }

  get now(): number {
    return this.#now;
  }

  get #capacity(): number {
    return this.#options.capacity.findLast(({ from }) => from <= this.#now)?.calls ?? 0;
  }

  async #ask(): Promise<void> {
    const entry = await this.#controller.enter(this.#now);
    if ('waitMs' in entry) this.#agenda.add(this.#now + Math.max(entry.waitMs, 1), () => this.#ask());
    else this.#begin(entry.leave);
  }

  #begin(leave: Call['leave']): void {
    const { random, overflow, timeoutMs } = this.#options;
    this.result.calls += 1;
    const tokens = Math.max(1, Math.round(MEDIAN_TOKENS * Math.exp(SIGMA * normal(random))));
    const workMs = (OWN_MS + TOKEN_MS * tokens) * (0.9 + 0.2 * random());
    const call: Call = { startedAt: this.#now, tokens, workMs, isOver: false, leave };
    if (overflow === 'refuses' && this.#working >= this.#capacity) return this.#agenda.add(this.#now + REFUSAL_MS, () => this.#end(call, { kind: 'limited' }));
    this.#queue.push(call);
    this.#agenda.add(this.#now + timeoutMs, () => this.#end(call, { kind: 'late' }));
    this.#work();
  }

  /** Begins what has a place. A call that nobody waits for any more is worked on all the same. */
  #work(): void {
    while (this.#working < this.#capacity && this.#queue.length > 0) {
      const call = this.#queue.shift() as Call;
      this.#working += 1;
      this.#agenda.add(this.#now + call.workMs, () => {
        this.#working -= 1;
        this.#end(call, { kind: 'ok', units: call.tokens });
        this.#work();
      });
    }
  }

  #end(call: Call, how: CallEnd): void {
    if (call.isOver) return;
    call.isOver = true;
    if (how.kind === 'limited') this.result.limited += 1;
    if (how.kind === 'late') this.result.late += 1;
    if (how.kind === 'ok') {
      this.result.answered += 1;
      this.#latencies.push(this.#now - call.startedAt);
    }
    call.leave(how, this.#now);
    this.#agenda.add(this.#now + (how.kind === 'ok' ? 0 : AGAIN_MS), () => this.#ask());
  }
}

/** Runs it to its end. `controllerAt` gets the simulation's clock. */
export async function simulate(options: SimOptions, controllerAt: (now: () => number) => Controller): Promise<SimResult> {
  let provider: Provider | null = null;
  const controller = controllerAt(() => provider?.now ?? 0);
  provider = new Provider(options, controller);
  return provider.run();
}
