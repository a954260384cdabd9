import type { Operation, OperationLease, Operations, TakenOperation } from '../../ports/operations.ts';
import { LOST } from '../commands.ts';
import { single, statement, type Command } from './command.ts';

interface TakenRow {
  id: TakenOperation['lease']['id'];
  epoch: number;
  kind: string;
  params: string;
  cursor: string;
  done: number;
  failed: number;
  stumbles: number;
  created_at: number;
}

function takenOf({ id, epoch, params, cursor, created_at, ...row }: TakenRow): TakenOperation {
  return { lease: { id, epoch }, params: JSON.parse(params), cursor: JSON.parse(cursor), createdAt: created_at, ...row };
}

/** No row has this lease any more. */
const kept = ({ rowCount }: { rowCount: number | null }): never => (rowCount === 0 ? LOST : undefined) as never;
const of = ({ id, epoch }: OperationLease): [string, number] => [id, epoch];

export const operationCommands: Record<keyof Operations, Command> = {
  start: single<Operations['start']>({
    name: 'start_operation', encode: ({ id, kind, total, params }) => ({ id, kind, total, params: JSON.stringify(params ?? null) }),
  }),
  take: statement<Operations['take'], TakenRow>({
    name: 'takeOperation',
    values: (at, { owner, kinds, leaseMs }) => [at, owner, kinds, leaseMs],
    decode: ({ rows }) => (rows[0] ? takenOf(rows[0]) : null),
    repeatable: false,
  }),
  renew: statement<Operations['renew']>({ name: 'renewOperation', values: (at, lease, leaseMs) => [at, ...of(lease), leaseMs], decode: kept }),
  advance: statement<Operations['advance'], { state: string }>({
    name: 'advanceOperation',
    values: (at, lease, { cursor, done, failed, leaseMs }) => [at, ...of(lease), JSON.stringify(cursor ?? null), done, failed, leaseMs],
    decode: ({ rows }) => (!rows[0] ? (LOST as never) : rows[0].state === 'running' ? 'go' : 'stop'),
  }),
  stumble: statement<Operations['stumble']>({
    name: 'stumbleOperation', values: (at, lease, { error, retryInMs }) => [at, ...of(lease), error, retryInMs], decode: kept, repeatable: false,
  }),
  complete: statement<Operations['complete']>({ name: 'completeOperation', values: (at, lease) => [at, ...of(lease)], decode: kept }),
  giveBack: statement<Operations['giveBack']>({ name: 'giveBackOperation', values: (_at, lease) => of(lease), decode: kept }),
  get: statement<Operations['get'], Operation>({ name: 'operation', values: (at, id) => [at, id], decode: ({ rows }) => rows[0] ?? null }),
  list: statement<Operations['list'], Operation>({ name: 'operations', values: (at, limit) => [at, limit], decode: ({ rows }) => rows }),
  cancel: statement<Operations['cancel']>({
    name: 'cancelOperation', values: (at, id) => [at, id], decode: ({ rowCount }) => (rowCount ?? 0) > 0, repeatable: false,
  }),
  resume: single<Operations['resume']>({ name: 'resume_operation', encode: (id) => ({ id }) }),
};
