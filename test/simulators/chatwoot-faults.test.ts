import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { RestFault, WebhookFault } from '../../simulators/chatwoot/faults.ts';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootOptions, ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { callRest } from './chatwoot-client.ts';
import { manualClock } from './manual-clock.ts';
import type { ManualClock } from './manual-clock.ts';
import { startReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';
import { until } from './until.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: ChatwootOptions = {}): Promise<{ sim: ChatwootSim; clock: ManualClock }> {
  const clock = manualClock();
  const sim = await startChatwoot({ clock, ...options });
  closers.push(() => sim.close());
  return { sim, clock };
}

const reply = { content: 'Hi!', content_attributes: { chasqui: 'key-1' } };

describe('faults of the REST API', () => {
  async function faulted(fault: RestFault): Promise<{ sim: ChatwootSim; clock: ManualClock }> {
    const { sim, clock } = await start();
    sim.contactSends(1, 'hola');
    sim.faults.rest.queue('message_create', fault);
    return { sim, clock };
  }
  const post = (sim: ChatwootSim, signal?: AbortSignal) => callRest(sim, 'POST /1/messages', { body: reply, signal });

  it.each<[RestFault, { status: number; shown: number; retryAfter: string | null }]>([
    [{ kind: 'status', status: 503 }, { status: 503, shown: 0, retryAfter: null }],
    [{ kind: 'rate_limited' }, { status: 429, shown: 0, retryAfter: null }],
    [{ kind: 'rate_limited', retryAfterS: 7 }, { status: 429, shown: 0, retryAfter: '7' }],
    [{ kind: 'accept_then_500' }, { status: 500, shown: 1, retryAfter: null }],
  ])('%j answers %j', async (fault, { status, shown, retryAfter }) => {
    const { sim } = await faulted(fault);
    const answer = await post(sim);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, retryAfter]);
    expect(sim.ledger.botMessages).toHaveLength(shown);
    expect(sim.faults.rest.counts).toEqual({ [fault.kind]: 1 });
    expect((await post(sim)).status).toBe(200);
  });

  it.each<[RestFault, number]>([
    [{ kind: 'reset_before' }, 0],
    [{ kind: 'accept_then_reset' }, 1],
  ])('%j resets the connection with %i shown', async (fault, shown) => {
    const { sim } = await faulted(fault);
    await expect(post(sim)).rejects.toThrow('fetch failed');
    expect(sim.ledger.botMessages).toHaveLength(shown);
    expect(sim.conversation(1)?.messages).toHaveLength(1 + shown);
  });

  it('delay processes and answers later', async () => {
    const { sim, clock } = await faulted({ kind: 'delay', ms: 400 });
    const answer = post(sim);
    await until(() => clock.waiting === 1);
    clock.advance(399);
    expect(sim.ledger.botMessages).toEqual([]);
    clock.advance(1);
    expect((await answer).status).toBe(200);
  });

  it('hang never answers and never processes', async () => {
    const { sim, clock } = await faulted({ kind: 'hang' });
    const client = new AbortController();
    const answer = post(sim, client.signal);
    await until(() => sim.faults.rest.counts.hang === 1);
    clock.advance(3_600_000);
    client.abort();
    await expect(answer).rejects.toThrow('aborted');
    await sim.settled();
    expect(sim.ledger.botMessages).toEqual([]);
  });

  it('late_land shows the message only after the client gave up', async () => {
    const { sim, clock } = await faulted({ kind: 'late_land', ms: 250 });
    const client = new AbortController();
    const answer = post(sim, client.signal);
    await until(() => sim.faults.rest.counts.late_land === 1);
    clock.advance(10_000);
    expect(sim.ledger.botMessages).toEqual([]);
    client.abort();
    await expect(answer).rejects.toThrow('aborted');
    await until(() => clock.waiting === 1);
    clock.advance(249);
    expect(sim.ledger.botMessages).toEqual([]);
    clock.advance(1);
    await sim.settled();
    expect(sim.ledger.botMessages).toMatchObject([{ content: 'Hi!', at: clock.now() }]);
  });

  it('rates by seed replay, whatever the order of the conversations, and stop when told', async () => {
    const run = async (seed: number, order: number[]): Promise<Record<number, number>> => {
      const { sim } = await start({ faults: { seed, rest: { status: 0.3, accept_then_500: 0.3 } } });
      const shown: Record<number, number> = {};
      for (const id of order) {
        sim.contactSends(id, 'hola');
        shown[id] = (await callRest(sim, `POST /${id}/messages`, { body: reply })).status;
      }
      sim.faults.rest.stop();
      expect((await callRest(sim, 'POST /1/messages', { body: reply })).status).toBe(200);
      return shown;
    };
    const ids = Array.from({ length: 20 }, (_, index) => index + 1);
    const first = await run(5, ids);
    expect(await run(5, ids.toReversed())).toEqual(first);
    expect(await run(6, ids)).not.toEqual(first);
    expect(new Set(Object.values(first)).size).toBeGreaterThan(1);
  });

  it('a rate never makes a read "accepted"', async () => {
    const { sim } = await start({ faults: { rest: { accept_then_500: 1 } } });
    sim.contactSends(1, 'hola');
    expect((await callRest(sim, 'GET /1')).status).toBe(200);
    expect((await callRest(sim, 'POST /1/messages', { body: reply })).status).toBe(500);
  });
});

describe('faults of webhook deliveries', () => {
  async function delivered(...faults: WebhookFault[]): Promise<{ sim: ChatwootSim; receiver: Receiver; clock: ManualClock }> {
    const hangs = faults[0]?.kind === 'double';
    const receiver = await startReceiver((_, { json }) => (hangs && json['event'] === 'message_created' ? 'hang' : 200));
    const { sim, clock } = await start({ webhookUrl: receiver.url, webhook: { workers: 1 } });
    closers.push(() => receiver.close());
    sim.faults.webhook.queue('message_created', ...faults);
    return { sim, receiver, clock };
  }
  const texts = (receiver: Receiver): unknown[] => receiver.of('message_created').map(({ json }) => json['content']);

  it('duplicate: the same message under two delivery ids', async () => {
    const { sim, receiver } = await delivered({ kind: 'duplicate' });
    sim.contactSends(1, 'hola');
    await sim.settled();
    const [one, two] = receiver.received;
    expect(one?.raw.equals(two?.raw as Buffer)).toBe(true);
    expect(one?.headers['x-chatwoot-delivery']).not.toBe(two?.headers['x-chatwoot-delivery']);
    expect(sim.ledger.contactMessages[0]?.attempts).toHaveLength(2);
    expect(sim.faults.webhook.counts).toEqual({ duplicate: 1 });
  });

  it('double: the same delivery twice at once, even with one worker', async () => {
    const { sim, receiver, clock } = await delivered({ kind: 'double' });
    sim.contactSends(1, 'hola');
    await until(() => receiver.received.length === 2);
    clock.advance(5000);
    await sim.settled();
    expect(receiver.of('message_created')).toHaveLength(2);
    const ids = receiver.of('message_created').map(({ headers }) => headers['x-chatwoot-delivery']);
    expect(new Set(ids).size).toBe(1);
  });

  it('delay: later messages come first', async () => {
    const { sim, receiver, clock } = await delivered({ kind: 'delay', ms: 900 });
    sim.contactSends(1, 'one');
    sim.contactSends(1, 'two');
    await until(() => receiver.received.length === 1);
    clock.advance(900);
    await sim.settled();
    expect(texts(receiver)).toEqual(['two', 'one']);
  });

  it('reorder: swaps with the next delivery, or goes alone in the end', async () => {
    const { sim, receiver, clock } = await delivered({ kind: 'reorder', ms: 500 });
    sim.contactSends(1, 'one');
    sim.contactSends(1, 'two');
    await sim.settled();
    sim.faults.webhook.queue('message_created', { kind: 'reorder', ms: 500 });
    sim.contactSends(1, 'three');
    clock.advance(499);
    expect(texts(receiver)).toEqual(['two', 'one']);
    clock.advance(1);
    await sim.settled();
    expect(texts(receiver)).toEqual(['two', 'one', 'three']);
  });

  it('bad_signature and stale_timestamp are what they say', async () => {
    const { sim, receiver, clock } = await delivered({ kind: 'bad_signature' }, { kind: 'stale_timestamp' });
    sim.contactSends(1, 'forged');
    sim.contactSends(1, 'stale');
    await sim.settled();
    const facts = receiver.received.map(({ headers, raw }) => {
      const stamp = Number(headers['x-chatwoot-timestamp']);
      const right = createHmac('sha256', sim.webhookSecret).update(`${stamp}.`).update(raw).digest('hex');
      return [clock.now() / 1000 - stamp, headers['x-chatwoot-signature'] === `sha256=${right}`];
    });
    expect(facts).toEqual([
      [0, false],
      [600, true],
    ]);
  });

  it('drop: never sent, and the conversation stays pending', async () => {
    const { sim, receiver } = await delivered({ kind: 'drop' });
    sim.contactSends(1, 'hola');
    await sim.settled();
    expect(receiver.received).toEqual([]);
    expect(sim.ledger.deliveries).toMatchObject([{ end: 'dropped', attempts: [] }]);
    expect(sim.ledger.contactMessages[0]).toMatchObject({ attempts: [], ackAt: null });
    expect(sim.conversation(1)?.status).toBe('pending');
  });
});
