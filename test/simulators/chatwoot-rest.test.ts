import { afterEach, describe, expect, it } from 'vitest';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootOptions, ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { callRest, payloadOf } from './chatwoot-client.ts';
import { manualClock } from './manual-clock.ts';
import { startReceiver } from './receiver.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: ChatwootOptions = {}): Promise<ChatwootSim> {
  const sim = await startChatwoot({ clock: manualClock(), ...options });
  closers.push(() => sim.close());
  return sim;
}

const reply = { content: 'Hi!', message_type: 'outgoing', private: false, content_attributes: { chasqui: 'key-1' } };

describe('POST messages', () => {
  it('creates a message, returns it in the REST dialect, and echoes it by webhook with its attributes', async () => {
    const receiver = await startReceiver();
    closers.push(() => receiver.close());
    const sim = await start({ webhookUrl: receiver.url });
    sim.contactSends(4, 'hola');
    const { status, json } = await callRest(sim, 'POST /4/messages', { body: { ...reply, echo_id: 'e1' } });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      id: 2,
      content: 'Hi!',
      message_type: 1,
      conversation_id: 4,
      content_attributes: { chasqui: 'key-1' },
      echo_id: 'e1',
      created_at: Date.UTC(2026, 0, 1) / 1000,
      private: false,
      status: 'sent',
      sender: { type: 'agent_bot' },
    });
    await sim.settled();
    const echo = receiver.of('message_created').find(({ json: event }) => event['id'] === 2);
    expect(echo?.json).toMatchObject({
      message_type: 'outgoing',
      content_attributes: { chasqui: 'key-1' },
      sender: { type: 'agent_bot' },
    });
    expect(sim.ledger.botMessages).toMatchObject([
      { id: 2, conversation: 4, content: 'Hi!', contentAttributes: { chasqui: 'key-1' }, sender: 'agent_bot' },
    ]);
  });

  it('never dedupes: the same body twice is two messages', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    await callRest(sim, 'POST /1/messages', { body: { ...reply, echo_id: 'same' } });
    await callRest(sim, 'POST /1/messages', { body: { ...reply, echo_id: 'same' } });
    expect(sim.ledger.botMessages).toHaveLength(2);
  });

  it('keeps private notes out of what the contact sees', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    await callRest(sim, 'POST /1/messages', { body: { ...reply, private: true } });
    expect(sim.ledger.botMessages).toEqual([]);
    expect(sim.ledger.botNotes).toHaveLength(1);
  });

  it("counts a user token's message as the bot's doing, though Chatwoot shows a user", async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    const { json } = await callRest(sim, 'POST /1/messages', { body: reply, token: sim.tokens.user });
    expect(json['sender']).toMatchObject({ type: 'user', id: 9 });
    expect(sim.ledger.botMessages).toMatchObject([{ sender: 'user' }]);
    expect(sim.ledger.agentMessages).toEqual([]);
  });

  it.each([
    ['unknown conversation', { path: '/99/messages', body: reply, status: 404 }],
    ['malformed JSON', { path: '/1/messages', body: '{"content":', status: 400 }],
    ['content that is too long', { path: '/1/messages', body: { content: 'x'.repeat(150_001) }, status: 422 }],
    ['an incoming message', { path: '/1/messages', body: { content: 'x', message_type: 'incoming' }, status: 422 }],
    ['no content', { path: '/1/messages', body: {}, status: 422 }],
  ])('refuses %s', async (_, { path, body, status }) => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    expect((await callRest(sim, `POST ${path}`, { body })).status).toBe(status);
    expect(sim.ledger.botMessages).toEqual([]);
  });

  it('refuses a wrong token with 401, and another account with 404', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    const wrong = await callRest(sim, 'POST /1/messages', { body: reply, token: 'nonsense' });
    expect([wrong.status, wrong.json]).toEqual([401, { error: 'Invalid Access Token' }]);
    const headers = { api_access_token: sim.tokens.bot };
    const other = await fetch(`${sim.url}/api/v1/accounts/2/conversations/1/messages`, { method: 'POST', headers, body: '{}' });
    expect(other.status).toBe(404);
  });
});

describe('limits', () => {
  it('422 "Too many messages" per conversation and minute, of any sender', async () => {
    const clock = manualClock();
    const sim = await start({ clock, limits: { messagesPerMinute: 3 } });
    sim.contactSends(1, 'hola');
    sim.contactSends(2, 'hola');
    const post = async (id: number): Promise<number> => (await callRest(sim, `POST /${id}/messages`, { body: reply })).status;
    expect([await post(1), await post(1), await post(1)]).toEqual([200, 200, 422]);
    expect((await callRest(sim, 'POST /1/messages', { body: reply })).json['error']).toContain('Too many messages');
    expect(await post(2)).toBe(200);
    clock.advance(60_001);
    expect(await post(1)).toBe(200);
  });

  it('429 in plain text, without Retry-After, per address and minute', async () => {
    const clock = manualClock();
    const sim = await start({ clock, limits: { requestsPerMinute: 2 } });
    sim.contactSends(1, 'hola');
    await callRest(sim, 'GET /1');
    await callRest(sim, 'GET /1');
    const third = await callRest(sim, 'POST /1/messages', { body: reply });
    expect([third.status, third.text, third.headers.get('retry-after')]).toEqual([429, 'Retry later\n', null]);
    expect(third.headers.get('content-type')).toBe('text/plain');
    expect(sim.ledger.botMessages).toEqual([]);
    clock.advance(60_000);
    expect((await callRest(sim, 'GET /1')).status).toBe(200);
  });

  it('ships with 200 messages, and can be switched off', async () => {
    const [usual, off] = [await start(), await start({ limits: 'off' })];
    for (const sim of [usual, off]) for (let n = 0; n < 200; n += 1) sim.contactSends(1, 'hola');
    expect((await callRest(usual, 'POST /1/messages', { body: reply })).status).toBe(422);
    expect((await callRest(off, 'POST /1/messages', { body: reply })).status).toBe(200);
  });
});

describe('GET messages', () => {
  async function ids(sim: ChatwootSim, query: string): Promise<unknown[]> {
    return payloadOf(await callRest(sim, `GET /1/messages${query}`, { token: sim.tokens.user })).map(({ id }) => id);
  }
  const span = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

  it('pages as Chatwoot does: 20 newest, 20 before, 100 after, half-open between; always oldest first', async () => {
    const sim = await start();
    for (let n = 1; n <= 130; n += 1) sim.contactSends(1, `m${n}`);
    expect(await ids(sim, '')).toEqual(span(111, 130));
    expect(await ids(sim, '?before=111')).toEqual(span(91, 110));
    expect(await ids(sim, '?after=5')).toEqual(span(6, 105));
    expect(await ids(sim, '?after=5&before=9')).toEqual(span(5, 8));
    expect(await ids(sim, '?before=1')).toEqual([]);
  });

  it('shows activity, notes and markers', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    sim.agentNote(1, 'note');
    await callRest(sim, 'POST /1/messages', { body: reply });
    const { json } = await callRest(sim, 'GET /1/messages', { token: sim.tokens.user });
    expect(json['meta']).toMatchObject({ labels: [] });
    expect(json['payload']).toMatchObject([
      { message_type: 0, sender: { type: 'contact' } },
      { message_type: 1, private: true, sender: { type: 'user' } },
      { message_type: 1, content_attributes: { chasqui: 'key-1' } },
    ]);
  });
});

describe('GET conversations', () => {
  it('filters by status and assignee, 25 a page, latest activity first', async () => {
    const clock = manualClock();
    const sim = await start({ clock });
    for (let id = 1; id <= 30; id += 1) {
      sim.contactSends(id, 'hola');
      clock.advance(1000);
    }
    sim.resolve(30);
    sim.assign(29, 1);
    const list = async (query: string): Promise<{ meta: unknown; ids: unknown[] }> => {
      const { json } = await callRest(sim, `GET ${query}`, { token: sim.tokens.user });
      const { meta, payload } = json['data'] as { meta: unknown; payload: { id: number }[] };
      return { meta, ids: payload.map(({ id }) => id) };
    };
    const first = await list('?status=pending&page=1');
    expect(first.ids).toHaveLength(25);
    expect(first.ids[0]).toBe(28);
    expect(first.meta).toEqual({ mine_count: 0, assigned_count: 0, unassigned_count: 28, all_count: 28 });
    expect((await list('?status=pending&page=2')).ids).toEqual([3, 2, 1]);
    expect((await list('')).ids).toEqual([29]);
    expect((await list('?status=all&assignee_type=assigned')).ids).toEqual([29]);
    expect((await list('?status=open&assignee_type=unassigned')).ids).toEqual([]);
    expect((await list('?status=resolved')).ids).toEqual([30]);
  });
});

describe('what a bot token may call', () => {
  it('writes and one conversation, but no lists; on old installations not even that', async () => {
    const [current, old] = [await start(), await start({ botAccess: 'before_show' })];
    const calls = ['GET /1', 'GET /1/messages', 'GET ', 'POST /1/messages', 'POST /1/toggle_typing_status', 'POST /1/toggle_status'];
    const statuses = async (sim: ChatwootSim): Promise<number[]> => {
      sim.contactSends(1, 'hola');
      const answers = calls.map((line) => callRest(sim, line, line.startsWith('POST') ? { body: reply } : {}));
      return (await Promise.all(answers)).map(({ status }) => status);
    };
    expect(await statuses(current)).toEqual([200, 401, 401, 200, 200, 200]);
    expect(await statuses(old)).toEqual([401, 401, 401, 200, 200, 200]);
  });

  it('shows the last message, with its marker', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    await callRest(sim, 'POST /1/messages', { body: reply });
    const { json } = await callRest(sim, 'GET /1');
    expect(json).toMatchObject({
      id: 1,
      status: 'pending',
      messages: [{ content_attributes: { chasqui: 'key-1' } }],
      last_non_activity_message: { content: 'Hi!' },
    });
  });
});

describe('status, typing and assignment', () => {
  it('pending to open with the bot token is a handoff to nobody', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    const { json } = await callRest(sim, 'POST /1/toggle_status', { body: { status: 'open' } });
    expect(json['payload']).toMatchObject({ success: true, conversation_id: 1, current_status: 'open' });
    expect(sim.conversation(1)).toMatchObject({ status: 'open', assignee: null });
    expect(sim.ledger.takeovers).toMatchObject([{ kind: 'bot_handoff', by: null }]);
  });

  it("opening with a person's token assigns the conversation to that person", async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    await callRest(sim, 'POST /1/toggle_status', { body: { status: 'open' }, token: sim.tokens.user });
    expect(sim.conversation(1)).toMatchObject({ status: 'open', assignee: 9 });
  });

  it('the bot can take a conversation back, which is no takeover', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    sim.setStatus(1, 'open');
    await callRest(sim, 'POST /1/toggle_status', { body: { status: 'pending' } });
    expect(sim.conversation(1)?.status).toBe('pending');
    expect(sim.ledger.takeovers).toHaveLength(1);
    expect(sim.ledger.statuses.at(-1)).toMatchObject({ from: 'open', to: 'pending', why: 'api_bot' });
  });

  it('refuses a status that does not exist', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    expect((await callRest(sim, 'POST /1/toggle_status', { body: { status: 'shut' } })).status).toBe(422);
  });

  it('assigning a person opens; assigning the bot makes it pending and nobody else’s', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    const person = await callRest(sim, 'POST /1/assignments', { body: { assignee_id: 2 } });
    expect(person.json).toMatchObject({ id: 2, name: 'Luis Mamani' });
    expect(sim.conversation(1)).toMatchObject({ status: 'open', assignee: 2 });
    await callRest(sim, 'POST /1/assignments', { body: { assignee_id: 5, assignee_type: 'AgentBot' } });
    expect(sim.conversation(1)).toMatchObject({ status: 'pending', assignee: 'bot' });
  });

  it('typing is taken with an empty answer', async () => {
    const sim = await start();
    sim.contactSends(1, 'hola');
    const { status, text } = await callRest(sim, 'POST /1/toggle_typing_status', { body: { typing_status: 'on' } });
    expect([status, text]).toEqual([200, '']);
    expect(sim.ledger.typing).toMatchObject([{ conversation: 1, on: true }]);
  });
});

describe('/sim', () => {
  const post = (sim: ChatwootSim, name: string, body: unknown): Promise<Response> =>
    fetch(`${sim.url}/sim/${name}`, { method: 'POST', body: JSON.stringify(body) });

  it('is the users’ side over HTTP', async () => {
    const sim = await start();
    expect(await (await post(sim, 'contact-messages', { conversation: 3, text: 'hola' })).json()).toEqual({ id: 1 });
    expect((await post(sim, 'agent-replies', { conversation: 3, text: 'hi' })).status).toBe(200);
    expect((await post(sim, 'assign', { conversation: 3, assignee: 2 })).status).toBe(200);
    expect((await post(sim, 'status', { conversation: 3, status: 'resolved' })).status).toBe(200);
    expect((await post(sim, 'settled', {})).status).toBe(200);
    const view = await (await fetch(`${sim.url}/sim/conversations/3`)).json();
    expect(view).toMatchObject({ status: 'resolved', assignee: 2, messages: [{ content: 'hola' }, { content: 'hi', sender: 'user' }, { type: 'activity' }, { content: 'Luis Mamani self-assigned this conversation' }, { content: 'Conversation was marked resolved by Ana Quispe' }] });
    const ledger = (await (await fetch(`${sim.url}/sim/ledger`)).json()) as { contactMessages: unknown[] };
    expect(ledger.contactMessages).toHaveLength(1);
  });

  it('says what is wrong with a call', async () => {
    const sim = await start();
    const answer = await post(sim, 'agent-replies', { conversation: 8, text: 'hi' });
    expect([answer.status, await answer.json()]).toEqual([400, { error: "no conversation 8; a contact's message creates it" }]);
    expect((await post(sim, 'status', { conversation: 8, status: 'shut' })).status).toBe(400);
    expect((await post(sim, 'nonsense', {})).status).toBe(404);
  });
});
