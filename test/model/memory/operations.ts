import type { Operation, OperationLease, Operations } from '../../../src/ports/operations.ts';
import { LOST } from '../../../src/stores/commands.ts';
import type { Commands } from '../../../src/stores/commands.ts';
import type { OperationRow, State } from './state.ts';

const isOpen = (row: OperationRow): boolean => row.state === 'running';

function view(row: OperationRow, now: number): Operation {
  const { id, kind, total, done, failed, error, createdAt, updatedAt } = row;
  const state = isOpen(row) && row.owner !== null && row.leaseUntil <= now ? 'interrupted' : row.state;
  return { id, kind, state, total, done, failed, error, createdAt, updatedAt };
}

/** Long operations: one of a kind open at a time, one runner of each at a time. */
export function operations(state: State): Commands<Operations> {
  const all = (): OperationRow[] => [...state.operations.values()];
  const now = (): number => state.clock.now();
  const leased = <R>(lease: OperationLease, act: (row: OperationRow) => R): R | typeof LOST => {
    const row = state.operations.get(lease.id);
    return row && row.epoch === lease.epoch ? act(row) : LOST;
  };
  return {
    start: (operation) => start(state, operation),
    take: ({ owner, kinds, leaseMs }) => {
      const due = all().filter((row) => isOpen(row) && kinds.includes(row.kind) && (row.leaseUntil <= now() || row.leaseUntil > now() + 60_000));
      const row = due.sort((a, b) => (a.id < b.id ? -1 : 1))[0];
      if (!row) return null;
      Object.assign(row, { owner, leaseUntil: now() + leaseMs, epoch: row.epoch + 1 });
      const { id, epoch, kind, done, failed, stumbles, createdAt } = row;
      return { lease: { id, epoch }, kind, done, failed, stumbles, createdAt, params: structuredClone(row.params), cursor: structuredClone(row.cursor) };
    },
    renew: (lease, leaseMs) => leased(lease, (row) => void (row.leaseUntil = now() + leaseMs)),
    advance: (lease, { cursor, done, failed, leaseMs }) =>
      leased(lease, (row) => {
        Object.assign(row, { cursor: structuredClone(cursor ?? null), done, failed, updatedAt: now(), leaseUntil: now() + leaseMs, stumbles: 0, error: null });
        return isOpen(row) ? 'go' : 'stop';
      }),
    stumble: (lease, { error, retryInMs }) =>
      leased(lease, (row) => {
        Object.assign(row, { error, stumbles: row.stumbles + 1, owner: null, leaseUntil: now() + (retryInMs ?? 0), updatedAt: now() });
        if (retryInMs === null && isOpen(row)) row.state = 'failed';
      }),
    complete: (lease) => leased(lease, (row) => void Object.assign(row, { state: 'completed', owner: null, leaseUntil: 0, updatedAt: now() })),
    giveBack: (lease) => leased(lease, (row) => void Object.assign(row, { owner: null, leaseUntil: 0 })),
    get: (id) => {
      const row = state.operations.get(id);
      return row ? view(row, now()) : null;
    },
    list: (limit) => all().sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit).map((row) => view(row, now())),
    cancel: (id) => {
      const row = state.operations.get(id);
      if (!row || !isOpen(row)) return false;
      Object.assign(row, { state: 'cancelled', updatedAt: now() });
      return true;
    },
    resume: (id) => resume(state, id),
  };
}

function start(state: State, { id, kind, total, params }: Parameters<Operations['start']>[0]): { operation: Operation; isNew: boolean } {
  const now = state.clock.now();
  const open = [...state.operations.values()].find((row) => row.kind === kind && isOpen(row));
  if (open) return { operation: view(open, now), isNew: false };
  const row: OperationRow = {
    id, kind, state: 'running', total, done: 0, failed: 0, error: null, createdAt: now, updatedAt: now, params: structuredClone(params ?? null),
    cursor: null, stumbles: 0, owner: null, leaseUntil: 0, epoch: 0,
  };
  state.operations.set(id, row);
  return { operation: view(row, now), isNew: true };
}

function resume(state: State, id: string): Awaited<ReturnType<Operations['resume']>> {
  const row = state.operations.get(id);
  if (!row) return 'unknown';
  if (isOpen(row)) return 'open';
  if (row.state === 'completed') return 'completed';
  if ([...state.operations.values()].some((other) => other.kind === row.kind && isOpen(other))) return 'busy';
  Object.assign(row, { state: 'running', stumbles: 0, error: null, updatedAt: state.clock.now() });
  return 'resumed';
}
