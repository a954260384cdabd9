import { Child } from './child.ts';
import type { Told } from './child.ts';
import type { Happenings } from './happenings.ts';
import type { Member, Plan, ProcessStep } from './plan.ts';
import { RESTS } from './scale.ts';

/** A process that dies of a failpoint is started again after this, ms. */
const RESTART_MS = 40;
const MANY_SURPRISES = 5;
/** The exit code of a process that could not end everything within SHUTDOWN_TIMEOUT_MS: as good as a kill. */
const FORCED = 3;

export interface LivesOptions {
  plan: Pick<Plan, 'planted' | 'catchUp'>;
  member: Member;
  env: Record<string, string>;
  happenings: Happenings;
  /** True when the store could not be reached at some moment since then: a process that was starting may have given up. */
  storeWasDownSince(at: number): boolean;
}

/** Keeps one process of a Chasqui alive, life after life, at one address. */
export class Lives {
  readonly #options: LivesOptions;
  #child: Child | null = null;
  #count = 0;
  #rescued = 0;
  #isHealed = false;
  #isOver = false;
  #next: Promise<void> = Promise.resolve();

  constructor(options: LivesOptions) {
    this.#options = options;
  }

  get log(): string {
    return this.#child?.log ?? '';
  }

  /** Processes so far. */
  get count(): number {
    return this.#count;
  }

  /** Wake-ups that the sweepers of all lives found lost, by their metrics. */
  get rescued(): number {
    return this.#rescued + (this.#child?.rescued ?? 0);
  }

  /** Its name, while it does without Redis, which it was told to use. */
  get degraded(): string[] {
    return this.#child?.isDegraded ? [this.#name] : [];
  }

  get #name(): string {
    return `${this.#options.member.role}, life ${this.#count}`;
  }

  /** Resolves when the process serves; false when it died before. */
  async start(): Promise<boolean> {
    const { member, plan, env } = this.#options;
    const failpoints = this.#isHealed ? [] : (member.lives[this.#count] ?? []);
    this.#count += 1;
    const startedAt = Date.now();
    const child = new Child(env, { failpoints, planted: plan.planted, catchUp: plan.catchUp, rests: RESTS }, (told) => this.#told(child, told));
    this.#child = child;
    void Promise.all([child.ended, child.ready]).then(([{ code, signal }, wasReady]) => {
      this.#rescued += child.rescued;
      const wentByItself = signal === null && code !== 0 && code !== FORCED;
      if (wentByItself) this.#wentByItself(child, { code, gaveUp: !wasReady && this.#options.storeWasDownSince(startedAt) });
      if (this.#child !== child || this.#isOver) return;
      if (signal === 'SIGKILL') this.#options.happenings.struck(child.isPoisoned ? 'kill by poison' : 'kill');
      this.#restart(RESTART_MS);
    });
    return child.ready;
  }

  #wentByItself(child: Child, { code, gaveUp }: { code: number | null; gaveUp: boolean }): void {
    const { happenings } = this.#options;
    if (gaveUp) happenings.faults.push('gave_up start');
    else happenings.surprises.push(`${this.#name} ended with ${code}: ${child.log.slice(-2000)}`);
  }

  #told(child: Child, { action, point, ms }: Told): void {
    const { happenings } = this.#options;
    happenings.faults.push(`${action} ${point}`);
    if (action === 'freeze') this.#thawAfter(child, ms);
    if (action === 'block') setTimeout(happenings.begin('block'), ms);
  }

  #thawAfter(child: Child, ms: number): void {
    const over = this.#options.happenings.begin('freeze');
    setTimeout(() => {
      child.signal('SIGCONT');
      over();
    }, ms);
  }

  #restart(afterMs: number): void {
    this.#child = null;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#next = promise;
    setTimeout(() => {
      if (this.#isOver) return resolve();
      void this.start().then(() => resolve());
    }, afterMs);
  }

  /** From outside, at any moment. */
  async strike(step: ProcessStep): Promise<void> {
    const child = this.#child;
    if (!child) return;
    if (step.do !== 'block') this.#options.happenings.faults.push(`${step.do} outside`);
    switch (step.do) {
      case 'kill':
        return this.#kill(child, step.ms);
      case 'deploy':
        return this.#deploy(child, step.ms);
      case 'freeze':
        child.signal('SIGSTOP');
        return this.#thawAfter(child, step.ms);
      case 'block':
        return child.block(step.ms);
    }
  }

  async #kill(child: Child, ms: number): Promise<void> {
    this.#child = null;
    child.signal('SIGKILL');
    this.#options.happenings.struck('kill');
    await child.ended;
    this.#restart(ms);
  }

  async #deploy(child: Child, ms: number): Promise<void> {
    this.#child = null;
    const over = this.#options.happenings.begin('deploy');
    if (!(await child.stop())) this.#options.happenings.surprises.push(`${this.#name}: a deploy did not end in time: ${child.log.slice(-2000)}`);
    over();
    this.#restart(ms);
  }

  /** Resolves when a process serves, however often it takes. */
  async serving(): Promise<void> {
    for (;;) {
      await this.#next;
      const child = this.#child;
      const { surprises } = this.#options.happenings;
      if (surprises.length > MANY_SURPRISES) throw new Error(`no process stays alive: ${surprises[0]}`);
      if (child && (await child.ready) && !child.isEnded) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** No more faults from the process's own plan; resolves when a process serves. */
  async heal(): Promise<void> {
    this.#isHealed = true;
    this.#child?.heal();
    await this.serving();
    this.#child?.heal();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#next;
    const child = this.#child;
    this.#child = null;
    if (child && !(await child.stop())) this.#options.happenings.surprises.push(`${this.#name}: the last stop did not end in time: ${child.log.slice(-2000)}`);
  }
}
