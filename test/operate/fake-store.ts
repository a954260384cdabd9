import { jobAddress, jobId } from '../../src/domain/ids.ts';
import type { JobId, LaneId } from '../../src/domain/ids.ts';
import type { DeadLetter, DeadLetters, RetryResult } from '../../src/ports/dead-letters.ts';
import type { MessageRecord, Reports } from '../../src/ports/reports.ts';

/** Dead letters in memory, by the port's contract, with the calls kept in order. */
export function fakeDeadLetters(start: DeadLetter[]) {
  const letters = new Map(start.map((letter) => [letter.jobId, letter]));
  const fates = new Map<JobId, RetryResult>();
  const calls: string[] = [];
  let nextSeq = 1000;
  const port: DeadLetters = {
    list: async (filter, { limit, cursor }) => {
      const wanted: [string, unknown][] = Object.entries({ orgId: filter.org, channelId: filter.channel, kind: filter.kind, reason: filter.reason });
      const all = [...letters.values()]
        .filter((letter) => wanted.every(([field, value]) => value === undefined || letter[field as keyof DeadLetter] === value))
        .sort((a, b) => b.failedAt - a.failedAt);
      const from = cursor ? Number(cursor) : 0;
      const more = from + limit < all.length;
      return { jobs: all.slice(from, from + limit), nextCursor: more ? String(from + limit) : null };
    },
    stats: async () => {
      const all = [...letters.values()];
      const byReason: Record<string, number> = {};
      for (const { reason } of all) byReason[reason] = (byReason[reason] ?? 0) + 1;
      return { total: all.length, oldestAt: all.length > 0 ? Math.min(...all.map((letter) => letter.failedAt)) : null, byReason };
    },
    ids: async (after, limit, until) => {
      const all = [...letters.keys()].sort((a, b) => compare(a, b));
      return all.filter((id) => (letters.get(id)?.failedAt ?? 0) <= until && (after === null || compare(id, after) > 0)).slice(0, limit);
    },
    retry: async (id) => {
      calls.push(`retry ${id}`);
      const fate = fates.get(id);
      if (fate) return fate;
      const address = jobAddress(id);
      if (!address || !letters.delete(id)) return { kind: 'unknown' };
      const retriedAs = jobId(address.laneId, nextSeq++);
      fates.set(id, { kind: 'already' });
      return { kind: 'retried', retriedAs, laneId: address.laneId };
    },
    discard: async (id) => letters.delete(id),
    purge: async (limit) => {
      const going = [...letters.keys()].slice(0, limit);
      for (const id of going) letters.delete(id);
      return going.length;
    },
  };
  return { port, letters, fates, calls };
}

function compare(a: JobId, b: JobId): number {
  const [x, y] = [jobAddress(a), jobAddress(b)];
  if (!x || !y) throw new Error('not a job id');
  return x.laneId.localeCompare(y.laneId) || x.seq - y.seq;
}

export function letter(lane: string, seq: number, change: Partial<DeadLetter> = {}): DeadLetter {
  return {
    jobId: jobId(lane as LaneId, seq),
    originalJobId: null,
    kind: 'turn',
    orgId: 'org_a' as DeadLetter['orgId'],
    channelId: 'chn_a' as DeadLetter['channelId'],
    conversationId: lane as unknown as DeadLetter['conversationId'],
    failedAt: 1_000 + seq,
    reason: 'attempts_exhausted',
    error: 'boom',
    attempts: 3,
    payload: { text: 'hi' },
    messageId: 'msg_1',
    ...change,
  };
}

export function fakeReports(records: MessageRecord[] = []): Reports {
  return {
    message: async (id) => records.find((record) => record.id === id) ?? null,
    messages: async (_conversation, limit) => [{ id: records[0]?.id ?? ('msg_1' as MessageRecord['id']), direction: 'inbound', text: 'hi', sentAt: 1, ending: null }].slice(0, limit),
    counts: async () => ({ waiting: 5, active: 2, delayed: 1, completed: 1000, failed: 10 }),
    oldestWaitingMs: async () => 250,
    load: async () => ({ waiting: 6, active: 3, oldestWaitingMs: 250, serviceMs: 2_000 }),
    prune: async () => 0,
  };
}

/** A message that was answered at the second attempt, in two parts. */
export function record(change: Partial<MessageRecord> = {}): MessageRecord {
  return {
    id: 'msg_1' as MessageRecord['id'],
    orgId: 'org_a',
    channelId: 'chn_a',
    conversationId: 'cnv_1' as MessageRecord['conversationId'],
    externalId: '77',
    sentAt: 900,
    receivedAt: 1_000,
    verifiedAt: 1_001,
    acceptedAt: 1_004,
    verdict: 'accepted',
    ending: 'answered',
    endingReason: 'reply',
    endedAt: 3_060,
    job: { id: jobId('cnv_1' as LaneId, 1), state: 'completed', attempts: 2, crashes: 0, createdAt: 1_004, startedAt: 3_000, endedAt: 3_060, error: null },
    attempts: [{ n: 1, startedAt: 1_010, endedAt: 2_000, outcome: 'failed', error: 'model_timeout' }],
    turn: { id: 'turn_1', kind: 'answer', responder: 'model', model: 'gpt', usage: { inputTokens: 10, outputTokens: 4 }, plannedAt: 3_020, members: 2 },
    sends: [
      { part: 0, state: 'sent', tries: 1, ambiguous: false, startedAt: 3_021, endedAt: 3_040, providerId: '1', error: null },
      { part: 1, state: 'sent', tries: 2, ambiguous: true, startedAt: 3_041, endedAt: 3_060, providerId: '2', error: null },
    ],
    ...change,
  };
}
