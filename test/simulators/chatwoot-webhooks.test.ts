import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootOptions, ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { manualClock } from './manual-clock.ts';
import type { ManualClock } from './manual-clock.ts';
import { startReceiver } from './receiver.ts';
import type { Answer, Receiver, Received } from './receiver.ts';
import { until } from './until.ts';

interface Setup {
  sim: ChatwootSim;
  receiver: Receiver;
  clock: ManualClock;
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function setup(answer?: (nth: number, one: Received) => Answer, options: ChatwootOptions = {}): Promise<Setup> {
  const clock = manualClock();
  const receiver = await startReceiver(answer);
  const sim = await startChatwoot({ webhookUrl: receiver.url, webhookSecret: 's3cret', clock, ...options });
  closers.push(() => sim.close(), () => receiver.close());
  return { sim, receiver, clock };
}

function expectedSignature({ headers, raw }: Received): string {
  const hmac = createHmac('sha256', 's3cret');
  hmac.update(String(headers['x-chatwoot-timestamp']));
  hmac.update('.');
  hmac.update(raw);
  return `sha256=${hmac.digest('hex')}`;
}

describe('a webhook of the Chatwoot simulator', () => {
  it('is signed over its timestamp and raw bytes, in Rails dialect', async () => {
    const { sim, receiver, clock } = await setup();
    sim.contactSends(7, 'a <b> & \u2028 "ñ"');
    await sim.settled();
    const [one] = receiver.of('message_created');
    expect(one?.headers['x-chatwoot-signature']).toBe(expectedSignature(one as Received));
    expect(one?.headers['x-chatwoot-timestamp']).toBe(String(clock.now() / 1000));
    expect(one?.headers['x-chatwoot-delivery']).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(one?.raw.toString()).toContain('"a \\u003cb\\u003e \\u0026 \\u2028 \\"ñ\\""');
    expect(one?.json['content']).toBe('a <b> & \u2028 "ñ"');
  });

  it('tells a message in one dialect and its conversation in the other', async () => {
    const { sim, receiver } = await setup();
    const id = sim.contactSends(7, 'hola', { attachments: [{ fileType: 'image', dataUrl: 'http://x/y.png' }] });
    await sim.settled();
    expect(receiver.received[0]?.json).toMatchObject({
      event: 'message_created',
      id,
      content: 'hola',
      message_type: 'incoming',
      private: false,
      created_at: '2026-01-01T00:00:00.000Z',
      account: { id: 1 },
      sender: { id: 1007 },
      attachments: [{ file_type: 'image', data_url: 'http://x/y.png', message_id: id }],
      conversation: {
        id: 7,
        status: 'pending',
        meta: { sender: { type: 'contact' }, assignee: null },
        messages: [{ id, message_type: 0, sender_type: 'Contact', created_at: Date.UTC(2026, 0, 1) / 1000 }],
      },
    });
    expect(receiver.received[0]?.json['sender']).not.toHaveProperty('type');
  });

  it('leaves out the key of attachments when there are none', async () => {
    const { sim, receiver } = await setup();
    sim.contactSends(1, 'hola');
    await sim.settled();
    expect(receiver.received[0]?.json).not.toHaveProperty('attachments');
  });

  it('also goes out for human replies, notes, edits and deletions, but not for activity', async () => {
    const { sim, receiver } = await setup();
    const asked = sim.contactSends(1, 'hola');
    await sim.settled();
    sim.agentReplies(1, 'I am Ana');
    await sim.settled();
    sim.agentNote(1, 'secret');
    await sim.settled();
    sim.editMessage(asked, 'hola!');
    await sim.settled();
    sim.deleteMessage(asked);
    await sim.settled();
    const messages = receiver.received.filter(({ json }) => String(json['event']).startsWith('message_'));
    expect(messages.map(({ json }) => [json['event'], json['message_type'], json['private'], json['content']])).toEqual([
      ['message_created', 'incoming', false, 'hola'],
      ['message_created', 'outgoing', false, 'I am Ana'],
      ['message_created', 'outgoing', true, 'secret'],
      ['message_updated', 'incoming', false, 'hola!'],
      ['message_updated', 'incoming', false, 'This message was deleted'],
    ]);
    expect(messages[1]?.json['sender']).toMatchObject({ id: 1, type: 'user' });
    expect(messages[4]?.json['content_attributes']).toEqual({ deleted: true });
    expect(sim.conversation(1)?.status).toBe('pending');
    expect(sim.ledger.takeovers).toMatchObject([{ conversation: 1, kind: 'agent_reply', by: 1 }]);
  });

  it('puts a conversation at the root, with what changed as an array of one-key objects', async () => {
    const { sim, receiver } = await setup();
    sim.contactSends(3, 'hola');
    sim.assign(3, 2);
    await sim.settled();
    const [changed] = receiver.of('conversation_updated');
    expect(changed?.json).toMatchObject({ id: 3, status: 'open', meta: { assignee: { id: 2 }, assignee_type: 'User' } });
    expect(changed?.json['changed_attributes']).toEqual(
      expect.arrayContaining([
        { status: { previous_value: 'pending', current_value: 'open' } },
        { assignee_id: { previous_value: null, current_value: 2 } },
      ]),
    );
    expect(receiver.of('conversation_opened')).toHaveLength(1);
    expect(receiver.of('conversation_status_changed')[0]?.json['changed_attributes']).toEqual([
      { status: { previous_value: 'pending', current_value: 'open' } },
    ]);
  });
});

describe('retries of the Chatwoot simulator', () => {
  it.each([429, 500])('%i is retried twice, 3 s apart, same delivery, new timestamp and signature', async (status) => {
    const { sim, receiver, clock } = await setup((_, { json }) => (json['event'] === 'message_created' ? status : 200));
    sim.contactSends(1, 'hola');
    for (const attempts of [1, 2]) {
      await until(() => sim.ledger.contactMessages[0]?.attempts.length === attempts && clock.waiting === 1);
      clock.advance(2999);
      expect(receiver.received).toHaveLength(attempts);
      clock.advance(1);
    }
    await sim.settled();
    const tries = receiver.of('message_created');
    expect(tries).toHaveLength(3);
    expect(new Set(tries.map(({ headers }) => headers['x-chatwoot-delivery'])).size).toBe(1);
    expect(new Set(tries.map(({ headers }) => headers['x-chatwoot-timestamp'])).size).toBe(3);
    for (const one of tries) expect(one.headers['x-chatwoot-signature']).toBe(expectedSignature(one));
    expect(sim.conversation(1)?.status).toBe('open');
    expect(sim.ledger.contactMessages[0]).toMatchObject({ ackAt: null });
  });

  it('stops retrying at a success, and keeps the conversation pending', async () => {
    const { sim, receiver, clock } = await setup((nth) => (nth === 0 ? 500 : 200));
    sim.contactSends(1, 'hola');
    await until(() => sim.ledger.contactMessages[0]?.attempts.length === 1 && clock.waiting === 1);
    clock.advance(3000);
    await sim.settled();
    expect(receiver.received).toHaveLength(2);
    expect(sim.conversation(1)?.status).toBe('pending');
    expect(sim.ledger.contactMessages[0]).toMatchObject({ ackAt: clock.now(), attempts: [{ status: 500 }, { status: 200 }] });
  });

  it.each<[Answer]>([[503], [502], [504], [401], [404], [301], ['reset']])('%s is not retried', async (answer) => {
    const { sim, receiver } = await setup((_, { json }) => (json['event'] === 'message_created' ? answer : 200));
    sim.contactSends(1, 'hola');
    await sim.settled();
    expect(receiver.of('message_created')).toHaveLength(1);
    expect(sim.conversation(1)?.status).toBe('open');
  });

  it('gives up after 5 s without an answer, and does not retry', async () => {
    const { sim, receiver, clock } = await setup((nth) => (nth === 0 ? 'hang' : 200));
    sim.contactSends(1, 'hola');
    await until(() => receiver.received.length === 1);
    clock.advance(4999);
    expect(sim.ledger.contactMessages[0]?.attempts).toEqual([]);
    clock.advance(1);
    await sim.settled();
    expect(sim.ledger.contactMessages[0]?.attempts).toMatchObject([{ status: null, error: 'timeout' }]);
    expect(sim.conversation(1)?.status).toBe('open');
  });

  it('does not retry when nobody listens', async () => {
    const { sim, receiver } = await setup();
    await receiver.close();
    sim.contactSends(1, 'hola');
    await sim.settled();
    expect(sim.ledger.contactMessages[0]?.attempts).toMatchObject([{ status: null, error: 'ECONNREFUSED' }]);
    expect(sim.ledger.statuses).toMatchObject([{ conversation: 1, from: 'pending', to: 'open', why: 'bot_failure' }]);
  });
});

describe('the open-flip of the Chatwoot simulator', () => {
  it('leaves an activity message and tells by webhook', async () => {
    const { sim, receiver } = await setup((_, { json }) => (json['event'] === 'message_created' ? 503 : 200));
    sim.contactSends(1, 'hola');
    await sim.settled();
    expect(sim.conversation(1)?.messages.map(({ type }) => type)).toEqual(['incoming', 'activity']);
    expect(receiver.of('conversation_status_changed')[0]?.json).toMatchObject({
      id: 1,
      status: 'open',
      changed_attributes: [{ status: { previous_value: 'pending', current_value: 'open' } }],
    });
    expect(receiver.received.some(({ json }) => json['message_type'] === 'activity')).toBe(false);
  });

  it('touches only pending conversations', async () => {
    const { sim } = await setup((_, { json }) => (json['event'] === 'message_created' ? 503 : 200));
    sim.contactSends(1, 'hola');
    await sim.settled();
    sim.contactSends(1, 'hola?');
    await sim.settled();
    expect(sim.conversation(1)?.messages.map(({ type }) => type)).toEqual(['incoming', 'activity', 'incoming']);
    sim.resolve(1);
    sim.agentNote(1, 'closed');
    await sim.settled();
    expect(sim.conversation(1)?.status).toBe('resolved');
  });

  it('is not undone by a further message', async () => {
    const { sim } = await setup((nth) => (nth === 0 ? 503 : 200));
    sim.contactSends(1, 'hola');
    await sim.settled();
    sim.contactSends(1, 'still there?');
    await sim.settled();
    expect(sim.conversation(1)?.status).toBe('open');
  });

  it('does not happen for conversation events, for open conversations, or where the account says so', async () => {
    const failing = await setup((_, { json }) => (json['event'] === 'message_created' ? 200 : 503));
    failing.sim.contactSends(1, 'hola');
    failing.sim.setStatus(1, 'snoozed');
    failing.sim.assign(1, 'bot');
    await failing.sim.settled();
    expect(failing.sim.conversation(1)?.status).toBe('pending');

    const keeping = await setup(() => 503, { keepPendingOnBotFailure: true });
    keeping.sim.contactSends(1, 'hola');
    await keeping.sim.settled();
    expect(keeping.sim.conversation(1)?.status).toBe('pending');
    expect(keeping.sim.ledger.statuses).toEqual([]);
  });
});

describe('statuses in the Chatwoot simulator', () => {
  it('a contact wakes a resolved conversation for the bot, before the message goes out', async () => {
    const { sim, receiver } = await setup();
    sim.contactSends(1, 'hola');
    sim.resolve(1);
    sim.contactSends(1, 'again');
    await sim.settled();
    expect(sim.conversation(1)?.status).toBe('pending');
    expect(receiver.of('conversation_resolved')).toHaveLength(1);
    const again = receiver.of('message_created').find(({ json }) => json['content'] === 'again');
    expect(again?.json['conversation']).toMatchObject({ status: 'pending' });
  });

  it('a contact wakes a snoozed conversation for the team', async () => {
    const { sim } = await setup();
    sim.contactSends(1, 'hola');
    sim.setStatus(1, 'snoozed');
    sim.contactSends(1, 'again');
    await sim.settled();
    expect(sim.conversation(1)?.status).toBe('open');
  });

  it('an agent who opens a conversation gets it', async () => {
    const { sim } = await setup();
    sim.contactSends(1, 'hola');
    sim.setStatus(1, 'open', 2);
    await sim.settled();
    expect(sim.conversation(1)).toMatchObject({ status: 'open', assignee: 2 });
    expect(sim.ledger.takeovers).toMatchObject([{ kind: 'opened_by_agent', by: 2 }]);
  });
});

describe('delivery order in the Chatwoot simulator', () => {
  it('two workers deliver two messages of one conversation at the same time', async () => {
    const { sim, receiver, clock } = await setup(() => 'hang');
    sim.contactSends(1, 'one');
    sim.contactSends(1, 'two');
    sim.contactSends(1, 'three');
    await until(() => receiver.received.length === 2);
    expect(new Set(receiver.received.map(({ json }) => json['content']))).toEqual(new Set(['one', 'two']));
    clock.advance(5000);
    await until(() => receiver.received.length === 4);
  });

  it('keeps the order with one worker, and loses it when shuffled', async () => {
    const plain = await setup(() => 200, { webhook: { workers: 1 } });
    const shuffled = await setup(() => 200, { webhook: { workers: 1, shuffle: true }, random: () => 0.999 });
    const texts = ['1', '2', '3', '4'];
    for (const { sim } of [plain, shuffled]) {
      for (const text of texts) sim.contactSends(1, text);
      await sim.settled();
    }
    expect(plain.receiver.received.map(({ json }) => json['content'])).toEqual(texts);
    expect(shuffled.receiver.received.map(({ json }) => json['content'])).toEqual(['1', '4', '3', '2']);
  });

  it('sends nothing with webhooks off', async () => {
    const { sim, receiver } = await setup(() => 200, { webhooks: false });
    sim.contactSends(1, 'hola');
    await sim.settled();
    expect(receiver.received).toEqual([]);
    expect(sim.ledger.deliveries).toEqual([]);
    expect(sim.ledger.contactMessages).toMatchObject([{ text: 'hola', conversation: 1 }]);
  });
});
