import type { Clock } from '../domain/clock.ts';
import { LimiterUnavailable } from '../domain/limit.ts';

export interface BatchOptions<Ask, Answer> {
  clock: Clock;
  /** An answer must be there within this; later it interests nobody. */
  timeoutMs: number;
  /** Asks in one call at the most. 1: each ask is a call of its own, and there may be any number of them at once. */
  maxBatch: number;
  /** Asks of different groups never share a call. */
  groupOf(ask: Ask): string;
  /** Answers in the order of the asks. `sentAt`: on the monotonic clock. */
  run(asks: Ask[], sentAt: number): Promise<Answer[]>;
  /** An answer that became known while the ask waited, or null. */
  known?(ask: Ask): Answer | null;
}

interface Waiting<Ask, Answer> {
  ask: Ask;
  deadline: number;
  isOpen: boolean;
  resolve(answer: Answer): void;
  reject(error: Error): void;
  /** Told when it is no longer open. */
  closed?(): void;
}

/** The calls of one group. */
interface Line<Ask, Answer> {
  waiting: Waiting<Ask, Answer>[];
  /** Calls on their way. */
  flying: number;
  /** A call is about to be made. */
  isDue: boolean;
}

/** Calls of one group at once: the store works on one while this process reads the answer of the other. */
const AT_ONCE = 2;

/**
 * Natural batching: what is asked while a call is on its way travels together in the next one. Nothing waits for a timer; alone, an ask leaves at the
 * end of its turn of the event loop.
 */
export class Batches<Ask, Answer> {
  readonly #options: BatchOptions<Ask, Answer>;
  readonly #lines = new Map<string, Line<Ask, Answer>>();
  /** In the order of their deadlines. */
  #pending: Waiting<Ask, Answer>[] = [];
  #isWatched = false;

  constructor(options: BatchOptions<Ask, Answer>) {
    this.#options = options;
  }

  add(ask: Ask): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const waiting = { ask, deadline: this.#options.clock.monotonic() + this.#options.timeoutMs, isOpen: true, resolve, reject };
      this.#pending.push(waiting);
      void this.#watch();
      if (this.#options.maxBatch === 1) void this.#send([waiting]);
      else this.#enqueue(waiting);
    });
  }

  #enqueue(waiting: Waiting<Ask, Answer>): void {
    const group = this.#options.groupOf(waiting.ask);
    let line = this.#lines.get(group);
    if (!line) this.#lines.set(group, (line = { waiting: [], flying: 0, isDue: false }));
    line.waiting.push(waiting);
    this.#schedule(group, line);
  }

  #schedule(group: string, line: Line<Ask, Answer>): void {
    if (line.isDue || line.flying >= AT_ONCE) return;
    line.isDue = true;
    setImmediate(() => void this.#fly(group, line));
  }

  async #fly(group: string, line: Line<Ask, Answer>): Promise<void> {
    line.isDue = false;
    const batch = this.#take(line);
    if (batch.length > 0) {
      line.flying += 1;
      await this.#send(batch);
      line.flying -= 1;
    }
    if (line.waiting.length > 0) this.#schedule(group, line);
    else if (line.flying === 0) this.#lines.delete(group);
  }

  /** The asks waiting longest, without those that have an answer by now. */
  #take(line: Line<Ask, Answer>): Waiting<Ask, Answer>[] {
    const { maxBatch, known } = this.#options;
    const batch: Waiting<Ask, Answer>[] = [];
    let taken = 0;
    for (; taken < line.waiting.length && batch.length < maxBatch; taken++) {
      const waiting = line.waiting[taken] as Waiting<Ask, Answer>;
      if (!waiting.isOpen) continue;
      const answer = known?.(waiting.ask) ?? null;
      if (answer === null) batch.push(waiting);
      else this.#answer(waiting, answer);
    }
    line.waiting.splice(0, taken);
    return batch;
  }

  /** Resolves when all of the batch have their answers, or were told that there are none in time: a call that never ends holds nobody up. */
  #send(batch: Waiting<Ask, Answer>[]): Promise<void> {
    const { run, clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    (batch.at(-1) as Waiting<Ask, Answer>).closed = resolve;
    run(batch.map(({ ask }) => ask), clock.monotonic()).then(
      (answers) => {
        for (const [n, waiting] of batch.entries()) this.#answer(waiting, answers[n] as Answer);
      },
      (error: Error) => {
        const told = new LimiterUnavailable(error.message, { cause: error });
        for (const waiting of batch) this.#fail(waiting, told);
      },
    );
    return promise;
  }

  #answer(waiting: Waiting<Ask, Answer>, answer: Answer): void {
    if (!waiting.isOpen) return;
    waiting.isOpen = false;
    waiting.resolve(answer);
    waiting.closed?.();
  }

  #fail(waiting: Waiting<Ask, Answer>, error: Error): void {
    if (!waiting.isOpen) return;
    waiting.isOpen = false;
    waiting.reject(error);
    waiting.closed?.();
  }

  /** One timer for all: they share one timeout, so the oldest is always the next to run out. */
  async #watch(): Promise<void> {
    if (this.#isWatched) return;
    this.#isWatched = true;
    const { clock, timeoutMs } = this.#options;
    while (this.#pending.length > 0) {
      const oldest = this.#pending[0] as Waiting<Ask, Answer>;
      await clock.sleep(Math.max(0, oldest.deadline - clock.monotonic()));
      // After a busy turn the timer comes before the answers that have already arrived: they are read first.
      await new Promise((resolve) => void setImmediate(resolve));
      this.#expire(clock.monotonic(), new LimiterUnavailable(`no answer within ${timeoutMs} ms`));
    }
    this.#isWatched = false;
  }

  #expire(now: number, error: Error): void {
    let ended = 0;
    for (; ended < this.#pending.length; ended++) {
      const waiting = this.#pending[ended] as Waiting<Ask, Answer>;
      if (waiting.isOpen && waiting.deadline > now) break;
      this.#fail(waiting, error);
    }
    this.#pending.splice(0, ended);
  }
}
