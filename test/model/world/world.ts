import { createIds } from '../../../src/domain/ids.ts';
import type { LaneId, NewId } from '../../../src/domain/ids.ts';
import { StoreFailed, StoreTimeout } from '../../../src/domain/errors.ts';
import { LOST, run as runCommand } from '../../../src/stores/commands.ts';
import type { PortName, StoreCommands } from '../../../src/stores/commands.ts';
import { createRandom } from '../../conformance/scene.ts';
import { createMemory } from '../memory-store.ts';
import type { State } from '../memory/state.ts';
import type { Chooser, Violation } from './chooser.ts';
import { mutate } from './mutants.ts';
import { violationsOf } from './oracle.ts';
import { Platform } from './platform.ts';
import type { Config, Event } from './config.ts';
import { Facts } from './facts.ts';
import { Process } from './process.ts';
import { Tasks, dueAt } from './tasks.ts';
import type { Faults, Task } from './tasks.ts';

const FREEZE_MS = 32_000;
const SWEEP_MS = 5_000;
const LIMIT_MS = 1_500_000;
const MAX_STEPS = 12_000;
/** Wall time at the start; far from zero, so that clocks can be set back. */
const EPOCH = 1_800_000_000_000;

const SENDING = new Set(['startPart', 'resend']);
const flush = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * The work code, the engine and the reference store in virtual time. Every call to the store, every wait and everything the
 * platform does is a task; between two tasks all promises are let run until nothing moves. What may go wrong at a task is the
 * chooser's to decide, so a run is a function of its configuration and its deviations.
 */
export class World {
  readonly config: Config;
  readonly state: State;
  readonly commands: StoreCommands;
  readonly platform: Platform;
  readonly newId: NewId;
  readonly violations: Violation[] = [];
  readonly facts = new Facts();
  readonly poison: Map<string, 'fail' | 'crash' | 'send'>;
  readonly wasPoison: Set<string>;
  readonly trace: string[] = [];
  processes: Process[] = [];
  t = 0;
  skew = EPOCH;
  faults = 0;
  steps = 0;
  #chooser: Chooser;
  readonly #tasks = new Tasks();
  #born = 0;
  #events: Event[];
  #busy = 0;

  constructor(config: Config, chooser: Chooser) {
    this.config = config;
    this.#chooser = chooser;
    this.#events = [...config.events];
    this.poison = new Map(Object.entries(config.poison ?? {}));
    this.wasPoison = new Set(this.poison.keys());
    const clock = { now: () => this.now(), monotonic: () => this.t, sleep: async () => {} };
    this.newId = createIds(clock, createRandom(1));
    const memory = createMemory({ clock, newId: this.newId });
    this.state = memory.state;
    this.commands = config.mutation ? mutate(memory, config.mutation, this) : memory.commands;
    this.platform = new Platform(this);
  }

  now(): number {
    return this.t + this.skew;
  }

  log(...words: unknown[]): void {
    this.trace.push(`${(this.t / 1000).toFixed(2).padStart(8)}s ${words.join(' ')}`);
  }

  bad(rule: string, why: string): void {
    if (this.violations.some((each) => each.rule === rule)) return;
    this.violations.push({ rule, why });
    this.log('!!', rule, why);
  }

  /** The straight path, or a deviation from it. */
  choose(label: string, alternatives: string[]): string {
    if (alternatives.length === 1 || !this.mayDeviate()) return alternatives[0] as string;
    const what = this.#chooser.pick(label, alternatives);
    if (what !== alternatives[0]) this.log(label, '→', what);
    return what;
  }

  mayDeviate(): boolean {
    return this.#chooser.left > 0 && this.t < (this.config.faultUntil ?? 90_000);
  }

  has(kind: NonNullable<Config['without']>[number]): boolean {
    return !this.config.without?.includes(kind);
  }

  fault(): void {
    this.faults += 1;
  }

  // ------------------------------------------------------------------ tasks

  task(task: Pick<Task, 'label' | 'act'> & Partial<Task> & { inMs?: number }): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (task.process?.isDead) return;
      this.#tasks.add({ at: this.t + (task.inMs ?? 0), order: this.#tasks.nextOrder(), process: null, faults: 'none', resolve, reject, ...task });
    });
  }

  /** A wait outside of all processes. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, 'pause', resolve));
  }

  after(ms: number, label: string, act: () => void): void {
    this.#busy += 1;
    void this.task({ label, inMs: ms, act: () => { this.#busy -= 1; act(); } });
  }

  /** A wait inside a process; the returned function gives it up. */
  timer(process: Process, ms: number, resolve: () => void): () => void {
    const task: Task = { at: this.t + ms, order: this.#tasks.nextOrder(), label: 'timer', process, faults: 'none', act: () => undefined, resolve, reject: resolve };
    if (!process.isDead) this.#tasks.add(task);
    return () => {
      this.#tasks.remove(task);
    };
  }

  /** A call to the store, from a process or from the outside. */
  store(process: Process | null, port: PortName, method: string, args: unknown[]): Promise<unknown> {
    const act = (): unknown => this.execute(port, method, args);
    const idle = method === 'claim' && ![...this.state.lanes.values()].some((lane) => lane.lastSeq > lane.doneSeq);
    const faults: Faults = idle ? 'none' : process ? 'process' : 'api';
    return this.task({ label: `${process?.name ?? 'api'}.${method}`, process, faults, act });
  }

  execute(port: PortName, method: string, args: unknown[]): unknown {
    const result = runCommand(this.commands, { port, method, args });
    this.facts.learn({ method, args, result, t: this.t }, this.state);
    return result;
  }

  // ------------------------------------------------------------------ processes

  startProcess(): void {
    this.processes.push(new Process(this, `P${++this.#born}`));
  }

  kill(process: Process, why: string): void {
    if (process.isDead) return;
    this.log(process.name, 'DIES', why);
    process.isDead = true;
    this.processes = this.processes.filter((each) => each !== process);
    this.#tasks.removeOf(process);
    this.after(this.config.restartMs ?? 1_000, 'restart', () => this.startProcess());
  }

  /** A polite stop: what is in hand is given back, then a new process starts. */
  term(process: Process): void {
    this.log(process.name, 'SIGTERM');
    void process.engine.stop(0).then(() => this.kill(process, 'after a polite stop'));
  }

  wake(laneId: LaneId): void {
    const what = this.choose('wake', this.has('wake') ? ['ok', 'lost', 'doubled'] : ['ok']);
    if (what !== 'ok') this.fault();
    for (const process of this.processes) for (let i = 0; i < ['lost', 'ok', 'doubled'].indexOf(what); i++) process.engine.wake(laneId);
  }

  // ------------------------------------------------------------------ the run

  async run(): Promise<this> {
    for (let i = 0; i < (this.config.processes ?? 2); i++) this.startProcess();
    this.#sweepLater();
    await flush();
    while (this.#step()) await flush();
    for (const violation of violationsOf(this)) this.bad(violation.rule, violation.why);
    return this;
  }

  #sweepLater(): void {
    void this.task({
      label: 'sweep', inMs: SWEEP_MS,
      act: () => {
        if (this.config.mutation !== 'sweep') for (const process of this.processes) if (process.frozenUntil <= this.t) void process.engine.sweep();
        this.#sweepLater();
      },
    });
  }

  /** Does the next task; false when nothing is left to do. */
  #step(): boolean {
    if (++this.steps > MAX_STEPS) {
      this.bad('SPIN', `more than ${MAX_STEPS} steps`);
      return false;
    }
    if (this.#isQuiet()) return false;
    const task = this.#tasks.next();
    const event = this.#nextEvent();
    if (event && event.at <= (task ? dueAt(task) : Infinity)) {
      this.t = Math.max(this.t, event.at);
      this.#fire(event);
      return true;
    }
    if (!task || dueAt(task) > LIMIT_MS) return false;
    this.t = Math.max(this.t, dueAt(task));
    this.#do(task);
    return true;
  }

  #nextEvent(): Event | undefined {
    return this.#events.filter((event) => event.when?.(this) ?? true).sort((a, b) => a.at - b.at)[0];
  }

  #fire(event: Event): void {
    this.#events = this.#events.filter((each) => each !== event);
    this.log('==', event.name);
    event.fire(this);
  }

  #isQuiet(): boolean {
    if (this.#busy > 0 || this.#nextEvent()) return false;
    if (this.processes.some((process) => process.isBusy() || process.frozenUntil > this.t)) return false;
    if (this.#tasks.some((task) => task.faults === 'api')) return false;
    return [...this.state.lanes.values()].every((lane) => lane.lastSeq === lane.doneSeq);
  }

  #do(task: Task): void {
    const what = task.faults === 'none' ? '-' : this.#deviation(task);
    if (what.startsWith('event:')) return;
    if (what === 'yield') {
      task.order = this.#tasks.nextOrder();
      return;
    }
    if (what !== '-' && what !== 'term') this.fault();
    if (what === 'freeze') {
      (task.process as Process).frozenUntil = this.t + FREEZE_MS;
      return;
    }
    this.#tasks.remove(task);
    if (what === 'crash') return this.kill(task.process as Process, `before ${task.label}`);
    if (what === 'error') return task.reject(new StoreFailed(task.label, new Error('injected')));
    this.#finish(task, what);
  }

  #finish(task: Task, what: string): void {
    let value: unknown;
    try {
      value = task.act();
    } catch (error) {
      return task.reject(error as Error);
    }
    if (task.faults !== 'none') this.log(task.label, brief(value));
    if (what === 'late') return task.reject(new StoreTimeout(task.label, 1));
    if (what === 'crash after') return this.kill(task.process as Process, `after ${task.label}`);
    if (what === 'stall') {
      const process = task.process as Process;
      process.frozenUntil = this.t + FREEZE_MS;
      void this.task({ label: 'thaw', process, act: () => task.resolve(value) });
      return;
    }
    task.resolve(value);
  }

  #deviation(task: Task): string {
    if (!this.mayDeviate()) return '-';
    const method = task.label.split('.')[1] as string;
    const alternatives = ['-', ...this.#events.filter((event) => event.when?.(this) ?? true).map((event) => `event:${event.name}`)];
    if (this.has('store')) alternatives.push('late', 'error');
    if (task.faults === 'process' && this.has('crash')) alternatives.push('crash', ...(SENDING.has(method) ? ['crash after'] : []));
    if (task.faults === 'process' && this.has('freeze')) alternatives.push('freeze', ...(SENDING.has(method) ? ['stall'] : []));
    if (this.#tasks.some((each) => each !== task && each.faults !== 'none' && dueAt(each) <= this.t)) alternatives.push('yield');
    const what = this.choose(task.label, alternatives);
    if (what.startsWith('event:')) this.#fire(this.#events.find((event) => event.name === what.slice(6)) as Event);
    return what;
  }
}

function brief(value: unknown): string {
  return value === undefined ? '' : value === LOST ? 'LOST' : JSON.stringify(value).slice(0, 200);
}
