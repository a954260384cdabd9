import type { Process } from './process.ts';

/** Which faults a task may meet. */
export type Faults = 'process' | 'api' | 'none';

/** Something that will happen, and whose promise waits for it. */
export interface Task {
  at: number;
  order: number;
  label: string;
  process: Process | null;
  faults: Faults;
  /** What the store or platform does; its result goes to `resolve`. */
  act(): unknown;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** When it can happen: not while its process is frozen. */
export function dueAt(task: Task): number {
  return Math.max(task.at, task.process?.frozenUntil ?? 0);
}

/** What will happen, earliest first, then in the order in which it was asked for. */
export class Tasks {
  #all: Task[] = [];
  #order = 0;

  nextOrder(): number {
    return this.#order++;
  }

  add(task: Task): void {
    this.#all.push(task);
  }

  remove(task: Task): void {
    this.#all = this.#all.filter((each) => each !== task);
  }

  removeOf(process: Process): void {
    this.#all = this.#all.filter((each) => each.process !== process);
  }

  some(test: (task: Task) => boolean): boolean {
    return this.#all.some(test);
  }

  next(): Task | undefined {
    let best: Task | undefined;
    for (const task of this.#all) if (!best || dueAt(task) < dueAt(best) || (dueAt(task) === dueAt(best) && task.order < best.order)) best = task;
    return best;
  }
}
