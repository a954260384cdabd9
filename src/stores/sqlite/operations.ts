import type { OperationId } from '../../domain/ids.ts';
import type { NewOperation, Operation, OperationLease, Operations, TakenOperation } from '../../ports/operations.ts';
import { LOST, type Commands } from '../commands.ts';
import type { Context } from './context.ts';

/** A lease that ends later than any could have been given for was left by a clock set back, ms. */
const MAX_LEASE_MS = 60_000;

interface TakenRow {
  id: OperationId;
  kind: string;
  params: string;
  cursor: string;
  done: number;
  failed: number;
  stumbles: number;
  epoch: number;
  created_at: number;
}

const read = (ctx: Context, id: OperationId): Operation | null => ctx.q.one<Operation>('operationById', id, ctx.now()) ?? null;

function start(ctx: Context, { id, kind, total, params }: NewOperation): { operation: Operation; isNew: boolean } {
  const open = ctx.q.one<{ id: OperationId }>('openOperation', kind);
  if (!open) ctx.q.run('startOperation', id, kind, total, JSON.stringify(params ?? null), ctx.now());
  return { operation: read(ctx, open?.id ?? id) as Operation, isNew: !open };
}

function take(ctx: Context, request: { owner: string; kinds: string[]; leaseMs: number }): TakenOperation | null {
  const now = ctx.now();
  const row = ctx.q.one<TakenRow>('operationToTake', JSON.stringify(request.kinds), now, MAX_LEASE_MS);
  if (!row) return null;
  ctx.q.run('takeOperation', row.id, request.owner, now + request.leaseMs);
  const { id, kind, done, failed, stumbles } = row;
  const lease = { id, epoch: row.epoch + 1 };
  return { lease, kind, params: JSON.parse(row.params), cursor: JSON.parse(row.cursor), done, failed, stumbles, createdAt: row.created_at };
}

function resume(ctx: Context, id: OperationId): Awaited<ReturnType<Operations['resume']>> {
  const operation = read(ctx, id);
  if (!operation) return 'unknown';
  if (operation.state === 'completed') return 'completed';
  if (operation.state === 'running' || operation.state === 'interrupted') return 'open';
  if (ctx.q.one('openOperation', operation.kind)) return 'busy';
  ctx.q.run('resumeOperation', id, ctx.now());
  return 'resumed';
}

export function operationCommands(ctx: Context): Commands<Operations> {
  const leased = (statement: string, lease: OperationLease, ...values: (string | number | null)[]): undefined | typeof LOST =>
    ctx.q.run(statement, lease.id, lease.epoch, ...values) === 0 ? LOST : undefined;
  return {
    start: (operation) => start(ctx, operation),
    take: (request) => take(ctx, request),
    renew: (lease, leaseMs) => leased('renewOperation', lease, ctx.now() + leaseMs),
    advance: (lease, { cursor, done, failed, leaseMs }) => {
      const now = ctx.now();
      if (leased('advanceOperation', lease, JSON.stringify(cursor ?? null), done, failed, now, now + leaseMs) === LOST) return LOST;
      return read(ctx, lease.id)?.state === 'running' ? 'go' : 'stop';
    },
    stumble: (lease, { error, retryInMs }) => leased('stumbleOperation', lease, error, retryInMs, ctx.now()),
    complete: (lease) => leased('completeOperation', lease, ctx.now()),
    giveBack: (lease) => leased('giveBackOperation', lease),
    get: (id) => read(ctx, id),
    list: (limit) => ctx.q.all<Operation>('operations', ctx.now(), limit),
    cancel: (id) => ctx.q.run('cancelOperation', id, ctx.now()) > 0,
    resume: (id) => resume(ctx, id),
  };
}
