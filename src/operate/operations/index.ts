import type { OperationId } from '../../domain/ids.ts';
import type { Operation } from '../../ports/operations.ts';
import type { OperateDeps } from '../operate-deps.ts';
import type { OperationKind } from './kind.ts';
import { OperationRunner } from './runner.ts';

export type { OperationKind, StepAt, Stepped } from './kind.ts';

export type CancelResult = { kind: 'cancelled'; operation: Operation } | { kind: 'unknown' } | { kind: 'ended'; state: string };
export type ResumeResult = { kind: 'resumed'; operation: Operation } | { kind: 'unknown' } | { kind: 'open' | 'completed' | 'busy' };

/** What operators do with long work. */
export interface OperationDesk {
  /** Newest first. */
  list(limit: number): Promise<Operation[]>;
  /** Null: no such operation. */
  get(id: string): Promise<Operation | null>;
  /** It stops after the step in hand, and can be resumed. */
  cancel(id: string): Promise<CancelResult>;
  /** It goes on where it stopped. */
  resume(id: string): Promise<ResumeResult>;
}

/** The desk, and what only this room may do. */
export interface OperationWorks {
  desk: OperationDesk;
  /** Starts one, or finds the one of its kind that is open. */
  start(kind: string, total: number, params?: unknown): Promise<{ operation: Operation; isNew: boolean }>;
  /** Waits until it has ended or stands still, for so long at the most; then tells how it stands. */
  wait(id: OperationId, ms: number): Promise<Operation>;
  begin(): void;
  stop(): Promise<void>;
}

/** How often a wait looks, when another process has the operation, ms. */
const LOOK_MS = 50;

type Deps = Pick<OperateDeps, 'clock' | 'newId' | 'telemetry'> & { store: Pick<OperateDeps['store'], 'operations'> };

function createDesk({ store }: Deps, runner: OperationRunner): OperationDesk {
  const { operations } = store;
  return {
    list: (limit) => operations.list(limit),
    get: (id) => operations.get(id as OperationId),
    async cancel(id) {
      const isCancelled = await operations.cancel(id as OperationId);
      const operation = await operations.get(id as OperationId);
      if (!operation) return { kind: 'unknown' };
      return isCancelled ? { kind: 'cancelled', operation } : { kind: 'ended', state: operation.state };
    },
    async resume(id) {
      const kind = await operations.resume(id as OperationId);
      if (kind !== 'resumed') return { kind };
      void runner.look();
      return { kind, operation: (await operations.get(id as OperationId)) as Operation };
    },
  };
}

/** Until it is done here; or, when another process has it, until the store says so. */
async function ended(deps: Deps, runner: OperationRunner, at: { id: OperationId; signal: AbortSignal }): Promise<void> {
  await runner.look();
  await runner.left(at.id);
  while (!at.signal.aborted) {
    const operation = await deps.store.operations.get(at.id);
    if (operation?.state !== 'running' || operation.error !== null) return;
    await deps.clock.sleep(LOOK_MS, at.signal).catch(() => undefined);
  }
}

/** Long work of the given kinds. Nothing runs before `begin`, except what is started here. */
export function createOperations(deps: Deps, kinds: OperationKind[]): OperationWorks {
  const { clock, newId, telemetry, store } = deps;
  const runner = new OperationRunner({ operations: store.operations, clock, telemetry, owner: newId('op') }, kinds);
  return {
    desk: createDesk(deps, runner),
    async start(kind, total, params) {
      const started = await store.operations.start({ id: newId('op'), kind, total, params });
      void runner.look();
      return started;
    },
    async wait(id, ms) {
      const over = new AbortController();
      await Promise.race([ended(deps, runner, { id, signal: over.signal }), clock.sleep(ms, over.signal).catch(() => undefined)]);
      over.abort();
      return (await store.operations.get(id)) as Operation;
    },
    begin: () => runner.begin(),
    stop: () => runner.stop(),
  };
}
