import { writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { StoreFailed, StoreTimeout } from '../../src/domain/errors.ts';
import type { Action, Failpoint } from './plan.ts';

/** Tells the runner, before a signal can end this process: pipes are written synchronously. */
export const tell = (line: string): void => void writeSync(1, `${line}\n`);

/** Keeps the event loop busy: nothing else happens in this process for `ms`. */
export function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** What comes by a point has to do after it. */
export type Passed = 'on' | 'lose_wake';

/** The failpoints of one life of a process. */
export class Failpoints {
  readonly #waiting: Failpoint[];
  readonly #hits = new Map<string, number>();
  #unrenewedUntil = 0;

  constructor(failpoints: readonly Failpoint[]) {
    this.#waiting = [...failpoints];
  }

  /** From now on nothing goes wrong here. */
  heal(): void {
    this.#waiting.length = 0;
    this.#unrenewedUntil = 0;
  }

  /** True while renewals are lost. */
  get isUnrenewed(): boolean {
    return Date.now() < this.#unrenewedUntil;
  }

  async pass(point: string): Promise<Passed> {
    const nth = (this.#hits.get(point) ?? 0) + 1;
    this.#hits.set(point, nth);
    const at = this.#waiting.findIndex((each) => each.point === point && each.nth === nth);
    const [hit] = at < 0 ? [] : this.#waiting.splice(at, 1);
    return hit ? this.#act(hit.action, point) : 'on';
  }

  async #act(action: Action, point: string): Promise<Passed> {
    tell(`fault ${action.do} ${point} ${'ms' in action ? action.ms : 0}`);
    switch (action.do) {
      case 'kill':
        process.kill(process.pid, 'SIGKILL');
        return 'on';
      case 'freeze':
        process.kill(process.pid, 'SIGSTOP');
        return 'on';
      case 'block':
        block(action.ms);
        return 'on';
      case 'stall':
        this.#loseRenewals(action.ms);
        await wait(action.ms);
        return 'on';
      case 'lose_renewals':
        this.#loseRenewals(action.ms);
        return 'on';
      case 'refuse':
        throw new StoreFailed(point, new Error('injected'));
      case 'lose_answer':
        throw new StoreTimeout(point, 0);
      case 'lose_wake':
        return 'lose_wake';
    }
  }

  #loseRenewals(ms: number): void {
    this.#unrenewedUntil = Math.max(this.#unrenewedUntil, Date.now() + ms);
  }
}
