import { type CompiledQuery, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { jobAddress } from '../../domain/ids.ts';
import type { DeadLetterFilter } from '../../ports/dead-letters.ts';

interface Schema {
  job: {
    lane_id: string;
    seq: number;
    kind: string;
    state: string;
    attempts: number;
    crashes: number;
    message_id: string | null;
    payload: string | null;
    error: string | null;
    reason: string;
    retry_of: string | null;
    ended_at: number;
  };
  lane: { id: string; org_id: string };
  conversation: { id: string; channel_id: string };
}

export interface DeadLetterRow {
  lane_id: string;
  seq: number;
  kind: string;
  attempts: number;
  message_id: string | null;
  payload: string | null;
  error: string | null;
  reason: string;
  retry_of: string | null;
  ended_at: number;
  org_id: string;
  channel_id: string | null;
  conversation_id: string | null;
}

/** Builds statements without running them: the store's own connection does. */
const build = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

function deadJobs(filter: DeadLetterFilter) {
  let query = build
    .selectFrom('job')
    .innerJoin('lane', 'lane.id', 'job.lane_id')
    .leftJoin('conversation', 'conversation.id', 'job.lane_id')
    .where('job.state', '=', 'dead');
  if (filter.org) query = query.where('lane.org_id', '=', filter.org);
  if (filter.channel) query = query.where('conversation.channel_id', '=', filter.channel);
  if (filter.kind) query = query.where('job.kind', '=', filter.kind);
  if (filter.reason) query = query.where('job.reason', '=', filter.reason);
  return query;
}

/** `{endedAt}.{jobId}` of the last row of the page before. */
function parseCursor(cursor: string | undefined): { endedAt: number; laneId: string; seq: number } | null {
  const [at, id] = cursor?.split('.') ?? [];
  const address = id ? jobAddress(id) : null;
  return address && Number.isSafeInteger(Number(at)) ? { endedAt: Number(at), ...address } : null;
}

/** Newest first, one more row than asked for, so that the caller knows whether there is a next page. */
export function deadLetterPage(filter: DeadLetterFilter, page: { limit: number; cursor?: string }): CompiledQuery {
  const from = parseCursor(page.cursor);
  let query = deadJobs(filter)
    .select(['job.lane_id', 'job.seq', 'job.kind', 'job.attempts', 'job.message_id', 'job.payload', 'job.error', 'job.reason', 'job.retry_of'])
    .select(['job.ended_at', 'lane.org_id', 'conversation.channel_id', 'conversation.id as conversation_id'])
    .orderBy('job.ended_at', 'desc')
    .orderBy('job.lane_id', 'desc')
    .orderBy('job.seq', 'desc')
    .limit(page.limit + 1);
  if (from) {
    query = query.where((eb) =>
      eb(eb.refTuple('job.ended_at', 'job.lane_id', 'job.seq'), '<', eb.tuple(from.endedAt, from.laneId as string, from.seq)),
    );
  }
  return query.compile();
}

export function deadLetterStats(filter: DeadLetterFilter): CompiledQuery {
  return deadJobs(filter)
    .select((eb) => ['job.reason', eb.fn.countAll<number>().as('count'), eb.fn.min('job.ended_at').as('oldest')])
    .groupBy('job.reason')
    .compile();
}
