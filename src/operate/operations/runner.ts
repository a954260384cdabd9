import { backoffMs } from '../../domain/backoff.ts';
import type { Clock } from '../../domain/clock.ts';
import { AppError, LeaseLost } from '../../domain/errors.ts';
import type { OperationId } from '../../domain/ids.ts';
import type { Operations, TakenOperation } from '../../ports/operations.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { OperationKind } from './kind.ts';

/** How long a runner that fell silent keeps an operation, ms. Renewed while it works. */
const LEASE_MS = 5_000;
/** How often interrupted operations are looked for, ms. */
const LOOK_MS = 1_000;
/** Operations in hand at once. */
const AT_ONCE = 4;
/** Steps in a row that may fail, and the pause after the first, ms. */
const MAX_STUMBLES = 8;
const PAUSE_MS = 1_000;

export interface RunnerDeps {
  operations: Operations;
  clock: Clock;
  telemetry: Telemetry;
  /** Names this process. */
  owner: string;
}

const reasonOf = (error: unknown): string => (error instanceof AppError ? error.message : 'an unexpected error, which the log tells');

/** Does the steps of whatever operations nobody else works on. Any number of processes may run one. */
export class OperationRunner {
  readonly #deps: RunnerDeps;
  readonly #kinds: ReadonlyMap<string, OperationKind>;
  readonly #stopping = new AbortController();
  readonly #inHand = new Map<OperationId, Promise<void>>();
  #looking: Promise<void> | null = null;
  #again = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(deps: RunnerDeps, kinds: OperationKind[]) {
    this.#deps = deps;
    this.#kinds = new Map(kinds.map((kind) => [kind.name, kind]));
  }

  /** Looks for work every second from now on, until {@link OperationRunner.stop}. */
  begin(): void {
    this.#loop = this.#rounds();
  }

  /** Takes what there is to do. Resolves when it is taken, not when it is done. Never rejects. */
  look(): Promise<void> {
    this.#again = true;
    this.#looking ??= this.#looks().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** Resolves when this process has nothing more to do with the operation. */
  async left(id: OperationId): Promise<void> {
    await this.#inHand.get(id);
  }

  /** Operations in hand stop after their step, and are given back for another process to go on with. */
  async stop(): Promise<void> {
    this.#stopping.abort(new DOMException('the process is stopping', 'AbortError'));
    await this.#loop;
    await this.#looking;
    await Promise.all(this.#inHand.values());
  }

  async #rounds(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.look();
      await this.#deps.clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  async #looks(): Promise<void> {
    while (this.#again && !this.#stopping.signal.aborted) {
      this.#again = false;
      await this.#takeAll();
    }
  }

  async #takeAll(): Promise<void> {
    const request = { owner: this.#deps.owner, kinds: [...this.#kinds.keys()], leaseMs: LEASE_MS };
    try {
      while (this.#inHand.size < AT_ONCE && !this.#stopping.signal.aborted) {
        const taken = await this.#deps.operations.take(request);
        if (!taken) return;
        this.#hold(taken);
      }
    } catch (error) {
      this.#deps.telemetry.log.warn({ err: error }, 'could not look for operations');
    }
  }

  #hold(taken: TakenOperation): void {
    const { id } = taken.lease;
    const work = this.#work(taken).finally(() => {
      if (this.#inHand.get(id) === work) this.#inHand.delete(id);
      void this.look();
    });
    this.#inHand.set(id, work);
  }

  async #work(taken: TakenOperation): Promise<void> {
    const { log } = this.#deps.telemetry;
    const fields = { operationId: taken.lease.id, kind: taken.kind };
    const lost = new AbortController();
    const beating = this.#beat(taken, lost);
    try {
      await this.#steps(taken, AbortSignal.any([this.#stopping.signal, lost.signal]));
    } catch (error) {
      if (error instanceof LeaseLost) log.warn(fields, 'another process goes on with the operation');
      else if (this.#stopping.signal.aborted) await this.#quietly(fields, this.#deps.operations.giveBack(taken.lease));
      else await this.#quietly(fields, this.#stumble(taken, error));
    } finally {
      lost.abort();
      await beating;
    }
  }

  /** Step by step; counts are of the whole operation. */
  async #steps(taken: TakenOperation, signal: AbortSignal): Promise<void> {
    const { operations, telemetry } = this.#deps;
    const { lease, params, createdAt } = taken;
    const kind = this.#kinds.get(taken.kind) as OperationKind;
    let finished = false;
    while (!finished) {
      if (signal.aborted) return operations.giveBack(lease);
      const step = await kind.step({ params, cursor: taken.cursor, createdAt, signal });
      taken.cursor = step.cursor;
      taken.done += step.done;
      taken.failed += step.failed;
      finished = step.finished;
      const next = await operations.advance(lease, { cursor: taken.cursor, done: taken.done, failed: taken.failed, leaseMs: LEASE_MS });
      taken.stumbles = 0;
      if (next === 'stop' && !finished) return operations.giveBack(lease);
    }
    await operations.complete(lease);
    telemetry.log.info({ operationId: lease.id, kind: taken.kind, done: taken.done, failed: taken.failed }, 'operation completed');
  }

  async #stumble(taken: TakenOperation, error: unknown): Promise<void> {
    const stumbles = taken.stumbles + 1;
    const retryInMs = stumbles >= MAX_STUMBLES ? null : backoffMs(stumbles, PAUSE_MS);
    this.#deps.telemetry.log.error({ operationId: taken.lease.id, kind: taken.kind, err: error, stumbles, retryInMs }, 'a step of an operation failed');
    await this.#deps.operations.stumble(taken.lease, { error: reasonOf(error), retryInMs });
  }

  /** A store that cannot be told now: the lease ends by itself, and the operation goes on from its cursor. */
  async #quietly(fields: object, telling: Promise<void>): Promise<void> {
    await telling.catch((error: unknown) => {
      if (!(error instanceof LeaseLost)) this.#deps.telemetry.log.warn({ ...fields, err: error }, 'the end of a step could not be stored');
    });
  }

  /** Keeps the lease during long steps. */
  async #beat(taken: TakenOperation, lost: AbortController): Promise<void> {
    const { clock, operations, telemetry } = this.#deps;
    while (!lost.signal.aborted) {
      await clock.sleep(LEASE_MS / 3, lost.signal).catch(() => undefined);
      if (lost.signal.aborted) return;
      await operations.renew(taken.lease, LEASE_MS).catch((error: unknown) => {
        if (error instanceof LeaseLost) lost.abort(error);
        else telemetry.log.warn({ operationId: taken.lease.id, err: error }, "an operation's lease could not be renewed");
      });
    }
  }
}
