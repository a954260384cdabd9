import { instantPrefix, jobAddress, jobId, type JobId, type LaneId } from '../../domain/ids.ts';
import type { DeadLetter, DeadLetterFilter, DeadLetters, DeadLetterStats, RetryResult } from '../../ports/dead-letters.ts';
import { LOAD_MOST } from '../../ports/reports.ts';
import type { Load, MessageRecord, QueueCounts, Reports } from '../../ports/reports.ts';
import { single, statement, type Command } from './command.ts';

interface LetterRow {
  lane_id: string;
  seq: number;
  kind: string;
  attempts: number;
  message_id: string | null;
  payload: string | null;
  error: string | null;
  reason: string;
  retry_of: string | null;
  dead_at: number;
  org_id: string;
  channel_id: string | null;
  conversation_id: string | null;
}

interface Address {
  lane_id: string;
  seq: number;
}

const idOf = (row: Address): JobId => jobId(row.lane_id as LaneId, row.seq);

function letterOf(row: LetterRow): DeadLetter {
  return {
    jobId: idOf(row), originalJobId: row.retry_of, kind: row.kind, orgId: row.org_id, channelId: row.channel_id, conversationId: row.conversation_id,
    failedAt: row.dead_at, reason: row.reason, error: row.error, attempts: row.attempts, payload: row.payload === null ? null : JSON.parse(row.payload),
    messageId: row.message_id,
  } as DeadLetter;
}

const filters = (filter: DeadLetterFilter = {}): (string | null)[] => [filter.org ?? null, filter.channel ?? null, filter.kind ?? null, filter.reason ?? null];

/** `{deadAt}.{jobId}` of the last letter of the page before. */
function parseCursor(cursor: string | undefined): [deadAt: number, laneId: string, seq: number] | [null, null, null] {
  const [at, id] = cursor?.split('.') ?? [];
  const address = id ? jobAddress(id) : null;
  return address && Number.isSafeInteger(Number(at)) ? [Number(at), address.laneId, address.seq] : [null, null, null];
}

/** One letter more than the page holds was asked for, to know whether there is a next one. */
function pageOf(rows: LetterRow[], limit: number): { jobs: DeadLetter[]; nextCursor: string | null } {
  const last = rows[limit - 1];
  return { jobs: rows.slice(0, limit).map(letterOf), nextCursor: rows.length > limit && last ? `${last.dead_at}.${idOf(last)}` : null };
}

function statsOf(rows: { reason: string; count: number; oldest: number }[]): DeadLetterStats {
  return {
    total: rows.reduce((sum, row) => sum + row.count, 0),
    oldestAt: rows.length > 0 ? Math.min(...rows.map((row) => row.oldest)) : null,
    byReason: Object.fromEntries(rows.map((row) => [row.reason, row.count])),
  };
}

/** Text that is no job's id addresses no lane. */
const addressOf = (id: string): { lane: string; seq: number } => {
  const at = jobAddress(id);
  return { lane: at?.laneId ?? '', seq: at?.seq ?? 0 };
};

export const deadLetterCommands: Record<keyof DeadLetters, Command> = {
  list: statement<DeadLetters['list'], LetterRow>({
    name: 'deadLetters',
    values: (_at, filter, page) => [...filters(filter), ...parseCursor(page.cursor), page.limit + 1],
    decode: ({ rows }, _filter, page) => pageOf(rows, page.limit),
  }),
  stats: statement<DeadLetters['stats'], { reason: string; count: number; oldest: number }>({
    name: 'deadLetterStats', values: (_at, filter) => filters(filter), decode: ({ rows }) => statsOf(rows),
  }),
  ids: statement<DeadLetters['ids'], Address>({
    name: 'deadIds',
    values: (_at, after, ...bounds) => {
      const from = addressOf(after ?? '');
      return [from.lane, from.seq, ...bounds];
    },
    decode: ({ rows }) => rows.map(idOf),
  }),
  retry: single<DeadLetters['retry'], RetryResult>({ name: 'retry', encode: addressOf }),
  discard: statement<DeadLetters['discard']>({
    name: 'discard',
    values: (_at, id) => {
      const { lane, seq } = addressOf(id);
      return [lane, seq];
    },
    decode: ({ rowCount }) => (rowCount ?? 0) > 0,
    repeatable: false,
  }),
  purge: statement<DeadLetters['purge']>({ name: 'purge', values: (_at, limit, until) => [limit, until], decode: ({ rowCount }) => rowCount ?? 0, repeatable: false }),
};

interface Pruned {
  total: number;
  bodies: number;
}

/** Remembers up to where every body that may go has gone, so that each round need not pass over all the empty ones again. */
function pruneCommand(): Command {
  let sweptTo = '';
  return single<Reports['prune'], Pruned>({
    name: 'prune',
    encode: ({ bodies, identities, deadLetters }, limit) => ({
      most: limit, body_from: sweptTo, body_messages: `msg_${instantPrefix(bodies)}`, body_turns: `turn_${instantPrefix(bodies)}`,
      dead_at: Math.floor(deadLetters), old_messages: `msg_${instantPrefix(identities)}`, old_turns: `turn_${instantPrefix(identities)}`,
      old_lanes: `lane_${instantPrefix(identities)}`, old_at: Math.floor(identities),
    }),
    decode: ({ total, bodies }, call) => {
      if (bodies < (call.most as number)) sweptTo = call.body_messages as string;
      return total;
    },
    repeatable: true,
  });
}

export function reportCommands(): Record<keyof Reports, Command> {
  return {
    message: statement<Reports['message'], MessageRecord>({ name: 'message', values: (_at, id) => [id], decode: ({ rows }) => rows[0] ?? null }),
    messages: statement<Reports['messages'], Awaited<ReturnType<Reports['messages']>>[number]>({
      name: 'messages', values: (_at, conversationId, limit) => [conversationId, limit], decode: ({ rows }) => rows,
    }),
    counts: statement<Reports['counts'], QueueCounts>({ name: 'counts', values: (at) => [at], decode: ({ rows }) => rows[0] as QueueCounts }),
    oldestWaitingMs: statement<Reports['oldestWaitingMs'], { ms: number | null }>({ name: 'oldestWaiting', values: (at) => [at], decode: ({ rows }) => rows[0]?.ms ?? 0 }),
    load: statement<Reports['load'], Load>({ name: 'load', values: (at) => [at, LOAD_MOST], decode: ({ rows }) => rows[0] as Load }),
    prune: pruneCommand(),
  };
}
