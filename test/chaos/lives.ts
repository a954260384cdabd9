import { Child } from './child.ts';
import type { Told } from './child.ts';
import { BASE_ENV } from './plan.ts';
import type { Plan } from './plan.ts';

/** Something that Chasqui had to get over. */
export interface Disturbance {
  kind: string;
  /** When the process was back, UTC ms. */
  overAt: number;
}

/** A process that dies of a failpoint is started again after this, ms. */
const RESTART_MS = 40;
const MANY_SURPRISES = 5;
/** The exit code of a process that could not end everything within SHUTDOWN_TIMEOUT_MS: as good as a kill. */
const FORCED = 3;

/** Keeps one Chasqui alive, life after life, at one address. */
export class Lives {
  readonly #plan: Plan;
  readonly #env: Record<string, string>;
  readonly disturbances: Disturbance[] = [];
  /** Faults by `action point`. */
  readonly faults: string[] = [];
  /** Ends that nobody asked for, with what the process logged. */
  readonly surprises: string[] = [];
  #child: Child | null = null;
  #count = 0;
  #isHealed = false;
  #isOver = false;
  #next: Promise<void> = Promise.resolve();

  constructor(plan: Plan, env: Record<string, string>) {
    this.#plan = plan;
    this.#env = { PATH: process.env.PATH ?? '', ...(process.env.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE } : {}), ...BASE_ENV, ...plan.env, ...env };
  }

  get log(): string {
    return this.#child?.log ?? '';
  }

  /** Resolves when the process serves; false when it died before. */
  async start(): Promise<boolean> {
    const { lives, planted, catchUp } = this.#plan;
    const failpoints = this.#isHealed ? [] : (lives[this.#count] ?? []);
    this.#count += 1;
    const child = new Child(this.#env, { failpoints, planted, catchUp }, (told) => this.#told(child, told));
    this.#child = child;
    void child.ended.then(({ code, signal }) => {
      if (signal === null && code !== 0 && code !== FORCED) this.surprises.push(`life ${this.#count} ended with ${code ?? signal}: ${child.log.slice(-2000)}`);
      if (this.#child === child && !this.#isOver) this.#restart('death', RESTART_MS);
    });
    return child.ready;
  }

  #told(child: Child, { action, point, ms }: Told): void {
    this.faults.push(`${action} ${point}`);
    if (action !== 'freeze') return;
    setTimeout(() => this.#thaw(child), ms);
  }

  #thaw(child: Child): void {
    child.signal('SIGCONT');
    this.disturbances.push({ kind: 'freeze', overAt: Date.now() });
  }

  #restart(kind: string, afterMs: number): void {
    this.#child = null;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#next = promise;
    setTimeout(() => {
      if (this.#isOver) return resolve();
      this.disturbances.push({ kind, overAt: Date.now() });
      void this.start().then(() => resolve());
    }, afterMs);
  }

  /** From outside, at any moment. */
  async kill(ms: number): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.faults.push('kill outside');
    this.#child = null;
    child.signal('SIGKILL');
    await child.ended;
    this.#restart('death', ms);
  }

  async deploy(ms: number): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.faults.push('deploy outside');
    this.#child = null;
    if (!(await child.stop())) this.surprises.push(`a deploy did not end in time: ${child.log.slice(-2000)}`);
    this.#restart('deploy', ms);
  }

  freeze(ms: number): void {
    const child = this.#child;
    if (!child) return;
    this.faults.push('freeze outside');
    child.signal('SIGSTOP');
    setTimeout(() => this.#thaw(child), ms);
  }

  /** No more faults from the process's own plan; resolves when a process serves. */
  async heal(): Promise<void> {
    this.#isHealed = true;
    this.#child?.heal();
    for (;;) {
      await this.#next;
      const child = this.#child;
      if (this.surprises.length > MANY_SURPRISES) throw new Error(`no process stays alive: ${this.surprises[0]}`);
      if (child && (await child.ready) && !child.isEnded) return child.heal();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#next;
    const child = this.#child;
    this.#child = null;
    if (child && !(await child.stop())) this.surprises.push(`the last stop did not end in time: ${child.log.slice(-2000)}`);
  }
}
