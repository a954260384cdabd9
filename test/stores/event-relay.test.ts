import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { jobId } from '../../src/domain/ids.ts';
import type { LaneId, OrgId } from '../../src/domain/ids.ts';
import type { JobEvent } from '../../src/ports/events.ts';
import { eventsOf, payloadsOf } from '../../src/stores/postgres/event-relay.ts';
import { openPostgresStore } from '../../src/stores/postgres/index.ts';
import { postgresBin, startPostgres } from '../support/postgres.ts';

const LANE = 'lane_0123456789abcdefghjk' as LaneId;
const of = (seq: number): Pick<JobEvent, 'jobId' | 'laneId' | 'orgId' | 'kind' | 'at'> => ({ jobId: jobId(LANE, seq), laneId: LANE, orgId: 'org_a' as OrgId, kind: 'turn', at: 1_800_000_000_000 });
const ALL: JobEvent[] = [
  { ...of(1), type: 'completed', outcome: 'answered' },
  { ...of(2), type: 'failed', attempt: 2, error: 'responder_timeout', retryInMs: 1000 },
  { ...of(3), type: 'stalled' },
  { ...of(4), type: 'dead', reason: 'crashed' },
  { ...of(5), type: 'progress', done: 3, total: 9 },
];

describe('job events as payloads', () => {
  it('come back as they were, except to the one who said them', () => {
    const payloads = payloadsOf('me', ALL);
    expect(payloads).toHaveLength(1);
    expect(eventsOf('you', payloads[0] as string)).toEqual(ALL);
    expect(eventsOf('me', payloads[0] as string)).toEqual([]);
  });

  it('never exceed what PostgreSQL takes, and leave out what is too long by itself', () => {
    const many = Array.from({ length: 500 }, (_, seq) => ({ ...of(seq + 1), type: 'completed' as const, outcome: seq % 2 ? 'ñandú' : 'x'.repeat(seq) }));
    const payloads = payloadsOf('me', [...many, { ...of(501), kind: 'k'.repeat(9_000), type: 'stalled' }]);
    for (const payload of payloads) expect(Buffer.byteLength(payload)).toBeLessThan(8_000);
    expect(payloads.flatMap((payload) => eventsOf('you', payload))).toEqual(many);
  });

  it('that another version may have said are passed over', () => {
    expect(eventsOf('me', 'no json')).toEqual([]);
    expect(eventsOf('me', '7')).toEqual([]);
    expect(eventsOf('me', JSON.stringify(['you', [99, 'x'], 'y', [0, 'nonsense', 'org_a', 'turn', 1, 'answered']]))).toEqual([]);
  });
});

const bin = postgresBin();

describe.skipIf(!bin)('job events between processes', () => {
  it('are heard by the others', async () => {
    const server = await startPostgres(bin as string);
    const [a, b] = [await openPostgresStore({ url: server.url }), await openPostgresStore({ url: server.url })];
    const [heardByA, heardByB]: [JobEvent[], JobEvent[]] = [[], []];
    const listening = [a.events.listen((event) => heardByA.push(event)), b.events.listen((event) => heardByB.push(event))];
    while (heardByB.length === 0) {
      await a.events.send(ALL);
      await wait(20);
    }
    expect(heardByB.slice(0, 5)).toEqual(ALL);
    expect(heardByA).toEqual([]);
    for (const each of listening) await each?.[Symbol.asyncDispose]();
    await Promise.all([a.close(), b.close()]);
    await server.stop();
  }, 60_000);
});
