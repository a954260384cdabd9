import { describe, expect, it } from 'vitest';
import { bench, json, never, part } from './chatwoot-bench.ts';
import type { Answerer, Sent } from './chatwoot-bench.ts';
import { AGENT, BOT, NOW } from './chatwoot-payloads.ts';
import type { Json } from './chatwoot-payloads.ts';

/** Seconds before the tests' present. */
const ago = (seconds: number) => NOW / 1000 - seconds;

/** Messages as `GET …/messages` writes them: numeric types, epoch seconds. */
const rest = (id: number, over: Json = {}): Json => ({
  id,
  content: `text ${id}`,
  inbox_id: 2,
  conversation_id: 31,
  message_type: 0,
  content_type: 'text',
  status: 'sent',
  content_attributes: {},
  created_at: ago(1000 - id),
  private: false,
  source_id: null,
  sender: { id: 77, name: 'Ana', type: 'contact' },
  ...over,
});
const contact = rest;
const ours = (id: number, key = `turn_${id}-0`, over: Json = {}) =>
  rest(id, { message_type: 1, sender: BOT, content_attributes: { chasqui: key }, ...over });
const otherBot = (id: number) => rest(id, { message_type: 1, sender: BOT });
const human = (id: number, over: Json = {}) => rest(id, { message_type: 1, sender: AGENT, ...over });
const note = (id: number) => human(id, { private: true });
const activity = (id: number) => rest(id, { message_type: 2, sender: undefined, content: 'Luis resolved' });
const greeting = (id: number) => rest(id, { message_type: 3, sender: undefined });

const shown = (over: Json = {}): Json => ({
  id: 31,
  inbox_id: 2,
  status: 'pending',
  meta: { sender: { id: 77, name: 'Ana' }, channel: 'Channel::WebWidget', hmac_verified: false },
  messages: [],
  last_non_activity_message: null,
  additional_attributes: {},
  first_reply_created_at: 0,
  created_at: ago(9000),
  updated_at: ago(0.5),
  last_activity_at: ago(5),
  timestamp: ago(5),
  ...over,
});
const assigned = (assignee: Json) => shown({ status: 'open', meta: { sender: { id: 77 }, assignee } });

const FORBIDDEN = { error: 'Access to this endpoint is not authorized for bots' };

/** A Chatwoot with one conversation. `bot`: the reading token is the bot's, which may not list. */
function chatwoot(talk: Json, messages: Json[], access: 'person' | 'bot' | 'old_bot' = 'person'): Answerer {
  return ({ url, method }: Sent) => {
    const path = url.pathname.replace('/api/v1/accounts/1/conversations', '');
    if (method === 'POST') return path === '/31/toggle_status' ? json({ payload: { success: true } }) : json({}, 404);
    if (path === '/31') return access === 'old_bot' ? json(FORBIDDEN, 401) : json(talk);
    if (access !== 'person') return json(FORBIDDEN, 401);
    const before = Number(url.searchParams.get('before') ?? Infinity);
    if (path === '/31/messages') return json({ meta: {}, payload: messages.filter(({ id }) => Number(id) < before).slice(-20) });
    return json({}, 404);
  };
}

const range = (from: number, to: number, make: (id: number) => Json) => Array.from({ length: to - from + 1 }, (_, i) => make(from + i));

describe('find', () => {
  const find = (messages: Json[], access?: 'person' | 'bot', talk = shown()) => {
    const { channel, sent } = bench(chatwoot(talk, messages, access));
    return { result: channel.find?.(part, never()), sent };
  };

  it.each<[string, Json[], string | null, number]>([
    ['the part among the newest', [contact(1), ours(2, part.key), contact(3)], '2', 1],
    ['the part, though an older part landed after it', [ours(2, part.key), ours(3, 'turn_0-0')], '2', 1],
    ['the part on an older page', [ours(2, part.key), ...range(3, 40, contact)], '2', 2],
    ['nothing: another part is newest', [contact(1), ours(2, 'turn_0-0'), contact(3)], null, 1],
    ['nothing in an empty conversation', [], null, 1],
    ['nothing up to the beginning', range(1, 30, contact), null, 3],
    ['nothing: same key on a private note', [ours(1, 'turn_0-0'), note(2), ours(3, part.key, { private: true })], null, 1],
    ['nothing: same key from the contact', [ours(1, 'turn_0-0'), contact(2, { content_attributes: { chasqui: part.key } })], null, 1],
  ])('tells %s', async (...[, messages, expected, requests]) => {
    const { result, sent } = find(messages);
    expect(await result).toBe(expected);
    expect(sent).toHaveLength(requests);
    expect(sent.every(({ method, headers }) => method === 'GET' && headers.get('api_access_token') === 'agent-token')).toBe(true);
  });

  it('gives up after ten pages', async () => {
    const { result, sent } = find(range(1, 400, contact));
    await expect(result).rejects.toMatchObject({ code: 'channel_unclear' });
    expect(sent).toHaveLength(10);
  });

  it('with a bot\'s token decides only by a newest message of ours', async () => {
    const newest = (message: Json) => shown({ messages: [activity(9)], last_non_activity_message: message });
    expect(await find([], 'bot', newest(ours(8, part.key))).result).toBe('8');
    expect(await find([], 'bot', newest(ours(8, 'turn_0-0'))).result).toBeNull();
    await expect(find([], 'bot', newest(contact(8))).result).rejects.toMatchObject({ code: 'channel_auth', message: expect.stringContaining('readToken') });
    await expect(find([], 'bot').result).rejects.toMatchObject({ code: 'channel_auth' });
  });

  it.each<[string, Answerer, string]>([
    ['500', () => json({}, 500), 'channel_unclear'],
    ['429', () => json({}, 429), 'channel_unclear'],
    ['404', () => json({}, 404), 'channel_not_found'],
    ['a redirect', () => new Response(null, { status: 302 }), 'channel_unclear'],
    ['HTML', () => new Response('<html>'), 'channel_unclear'],
    ['another shape', () => json({ payload: {} }), 'channel_unclear'],
    ['a message of another shape', () => json({ payload: [{ id: 'x' }] }), 'channel_unclear'],
    ['no answer', () => { throw new TypeError('fetch failed'); }, 'channel_unclear'],
    ['no connection', () => { throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) }); }, 'channel_unclear'],
  ])('throws on %s', async (_, answer, code) => {
    await expect(bench(answer).channel.find?.(part, never())).rejects.toMatchObject({ code });
  });
});

describe('examine', () => {
  async function examine(talk: Json, messages: Json[], how: { onOpen?: 'handoff'; access?: 'person' | 'bot' } = {}) {
    const { access, ...options } = how;
    const { channel, sent } = bench(chatwoot(talk, messages, access), options);
    const caught = await channel.examine?.('31', never());
    const toggled = sent.filter(({ method }) => method === 'POST').map(({ url, body, headers }) => [url.pathname.split('/').at(-1), body, headers.get('api_access_token')]);
    return { caught, toggled, sent, missed: caught?.messages.map(({ externalId }) => externalId) };
  }
  const CHANGED = NOW - 500;
  const repliedAt = (id: number) => (ago(1000 - id)) * 1000 + 999;
  const BACK = [['toggle_status', { status: 'pending' }, 'bot-token']];

  it.each<[string, Json, Json[], string, number, string[]]>([
    ['pending is the bot\'s', shown(), [contact(1), contact(2)], 'bot', CHANGED, ['1', '2']],
    ['pending, but a person answered', shown(), [contact(1), human(2), contact(3)], 'human', repliedAt(2), ['3']],
    ['pending, answered from the phone', shown(), [contact(1), human(2, { sender: null, content_attributes: { external_echo: true } })], 'human', repliedAt(2), []],
    ['pending again after a person resolved', shown(), [human(2), activity(3), contact(4)], 'bot', CHANGED, ['4']],
    ['pending, the bot spoke after the person', shown(), [human(2), ours(3), contact(4)], 'bot', CHANGED, ['4']],
    ['pending, only a note', shown(), [contact(1), note(2)], 'bot', CHANGED, ['1']],
    ['pending, only an automation', shown(), [contact(1), human(2, { content_attributes: { automation_rule_id: 1 } })], 'bot', CHANGED, ['1']],
    ['pending with an old assignee', shown({ meta: { assignee: AGENT } }), [contact(1)], 'bot', CHANGED, ['1']],
    ['open and assigned', assigned(AGENT), [contact(1)], 'human', CHANGED, ['1']],
    ['open and answered', shown({ status: 'open' }), [contact(1), human(2)], 'human', repliedAt(2), []],
    ['open, answered before we can see', shown({ status: 'open', first_reply_created_at: ago(90_000) }), [contact(1)], 'human', CHANGED, ['1']],
    ['snoozed', shown({ status: 'snoozed' }), [contact(1)], 'human', CHANGED, ['1']],
    ['resolved', shown({ status: 'resolved' }), [contact(1)], 'bot', CHANGED, []],
    ['resolved after a person answered', shown({ status: 'resolved' }), [contact(1), human(2), activity(3)], 'human', repliedAt(2), []],
    ['resolved, unanswered since a person', shown({ status: 'resolved' }), [human(2), contact(3)], 'bot', CHANGED, []],
  ])('%s', async (...[, talk, messages, owner, ownerAt, missed]) => {
    const result = await examine(talk, messages);
    expect(result.caught).toMatchObject({ externalId: '31', owner, ownerAt });
    expect(result.missed).toEqual(missed);
    expect(result.toggled).toEqual([]);
  });

  it.each<[string, Json, Json[]]>([
    ['with nobody there', shown({ status: 'open' }), [contact(1), activity(2)]],
    ['with a bot assigned', shown({ status: 'open', meta: { assignee: { id: 9 }, assignee_type: 'AgentBot' } }), [contact(1)]],
    ['with the bot\'s reply after the person\'s', shown({ status: 'open', first_reply_created_at: 5 }), [human(1), ours(2), contact(3)]],
  ])('a conversation that fell open %s is taken back, or left to people', async (_, talk, messages) => {
    const back = await examine(talk, messages);
    expect(back.caught).toMatchObject({ owner: 'bot', ownerAt: CHANGED });
    expect(back.toggled).toEqual(BACK);
    const left = await examine(talk, messages, { onOpen: 'handoff' });
    expect(left.caught).toMatchObject({ owner: 'human', ownerAt: CHANGED });
    expect(left.toggled).toEqual([]);
    expect(left.missed).toEqual(back.missed);
  });

  it('brings a missed message in the words of the webhook', async () => {
    const { caught } = await examine(shown({ additional_attributes: { browser_language: 'en' } }), [
      contact(7, { content: 'one\\\ntwo\n', attachments: [{ file_type: 'image', data_url: 'https://x/y.png' }] }),
    ]);
    expect(caught?.messages).toEqual([
      {
        externalId: '7',
        conversation: '31',
        author: 'contact:77',
        text: 'one\ntwo',
        attachments: [{ type: 'image', url: 'https://x/y.png' }],
        sentAt: ago(993) * 1000,
        locale: 'en',
      },
    ]);
  });

  it.each<[string, Json[], string[]]>([
    ['nothing before a person\'s answer', [contact(1), human(2), ours(3), contact(4)], ['4']],
    ['nothing before another bot\'s answer', [contact(1), otherBot(2), contact(3)], ['3']],
    ['what a recent reply of ours hides', [contact(1), contact(2), ours(3), contact(4)], ['1', '2', '4']],
    ['nothing before a reply of ours of yesterday', [contact(1), ours(2, 'turn_0-0', { created_at: ago(90_000) }), contact(3)], ['3']],
    ['what a greeting and a note hide', [contact(1), greeting(2), note(3)], ['1']],
    ['nothing deleted, empty or from a blocked contact', [
      contact(1, { content_attributes: { deleted: true } }), contact(2, { content: '' }), contact(3, { sender: { id: 77, blocked: true } }), contact(4),
    ], ['4']],
    ['messages in the order of their ids', [contact(5), contact(3), contact(4)], ['3', '4', '5']],
  ])('returns %s', async (_, messages, expected) => {
    expect((await examine(shown(), messages)).missed).toEqual(expected);
  });

  it('reads back as far as something can be missing, and no further', async () => {
    const all = await examine(shown(), [otherBot(1), ...range(2, 50, contact)]);
    expect(all.missed).toHaveLength(49);
    expect(all.sent).toHaveLength(1 + 3);
    const endless = await examine(shown(), range(1, 500, contact));
    expect(endless.missed).toHaveLength(200);
    expect(endless.sent).toHaveLength(1 + 10);
  });

  it('falls back on what the conversation shows, with a bot\'s token', async () => {
    const talk = shown({ status: 'open', messages: [activity(5)], last_non_activity_message: contact(4) });
    const alone = await examine(talk, [], { access: 'bot' });
    expect(alone.caught).toMatchObject({ owner: 'bot' });
    expect(alone.missed).toEqual(['4']);
    expect(alone.toggled).toEqual(BACK);
    expect((await examine({ ...talk, last_non_activity_message: human(4) }, [], { access: 'bot' })).caught).toMatchObject({ owner: 'human' });
    expect((await examine({ ...talk, first_reply_created_at: 5 }, [], { access: 'bot' })).caught).toMatchObject({ owner: 'human' });
  });

  it('throws, and sets nothing, where nothing may be read', async () => {
    const { channel, sent } = bench(chatwoot(shown({ status: 'open' }), [], 'old_bot'));
    await expect(channel.examine?.('31', never())).rejects.toMatchObject({ code: 'channel_auth', message: expect.stringContaining('readToken') });
    expect(sent.every(({ method }) => method === 'GET')).toBe(true);
  });

  it('looks among the conversations where one may not be read by itself', async () => {
    const { channel } = bench((sent, init) => {
      if (sent.url.pathname.endsWith('/conversations')) {
        const page = Number(sent.url.searchParams.get('page'));
        return json({ data: { meta: {}, payload: page === 2 ? [shown()] : page === 1 ? [shown({ id: 30 })] : [] } });
      }
      return sent.url.pathname.endsWith('/31') ? json(FORBIDDEN, 401) : chatwoot(shown(), [contact(1)])(sent, init);
    });
    expect(await channel.examine?.('31', never())).toMatchObject({ owner: 'bot', messages: [{ externalId: '1' }] });
  });

  it.each<[string, Answerer, string]>([
    ['an unknown status', chatwoot(shown({ status: 'brand_new' }), []), 'channel_unclear'],
    ['another shape', chatwoot({ id: 31 }, []), 'channel_unclear'],
    ['a conversation that is gone', () => json({}, 404), 'channel_not_found'],
    ['messages that fail', (sent, init) => (sent.url.pathname.endsWith('/messages') ? json({}, 500) : chatwoot(shown(), [])(sent, init)), 'channel_unclear'],
    ['a status that cannot be set', (sent, init) => (sent.method === 'POST' ? json({}, 500) : chatwoot(shown({ status: 'open' }), [])(sent, init)), 'channel_unclear'],
  ])('throws on %s', async (_, answer, code) => {
    await expect(bench(answer).channel.examine?.('31', never())).rejects.toMatchObject({ code });
  });
});

describe('active', () => {
  const SINCE = NOW - 60_000 + 700;
  const at = (id: number, secondsAgo: number, over: Json = {}) => shown({ id, last_activity_at: ago(secondsAgo), ...over });

  function account(listed: { pending: Json[]; open: Json[] }): Answerer {
    return ({ url }) => {
      const query = url.searchParams;
      const all = listed[query.get('status') as 'pending' | 'open'];
      const from = (Number(query.get('page')) - 1) * 25;
      return json({ data: { meta: {}, payload: all.slice(from, from + 25) } });
    };
  }
  const collect = async (answer: Answerer, options = {}) => {
    const { channel, sent } = bench(answer, options);
    const ids: string[] = [];
    for await (const id of channel.active?.(SINCE, never()) ?? []) ids.push(id);
    return { ids, sent };
  };

  it('yields pending and open conversations, the second of `since` included', async () => {
    const { ids, sent } = await collect(account({ pending: [at(1, 5), at(2, 60), at(3, 61)], open: [at(1, 4), at(4, 59)] }));
    expect(ids).toEqual(['1', '2', '4']);
    expect(Object.fromEntries(sent[0]?.url.searchParams ?? [])).toEqual({
      status: 'pending',
      assignee_type: 'all',
      sort_by: 'last_activity_at_desc',
      page: '1',
    });
  });

  it('reads page after page until one is old', async () => {
    const { ids, sent } = await collect(account({ pending: [...range(1, 60, (id) => at(id, 10)), ...range(61, 400, (id) => at(id, 900))], open: [] }));
    expect(ids).toHaveLength(60);
    expect(sent.map(({ url }) => url.searchParams.get('page'))).toEqual(['1', '2', '3', '4', '1']);
  });

  it('keeps to the bot\'s inboxes', async () => {
    const { ids } = await collect(account({ pending: [at(1, 5), at(2, 5, { inbox_id: 8 })], open: [] }), { inboxIds: [8] });
    expect(ids).toEqual(['2']);
  });

  it('asks for a page only when it is wanted', async () => {
    const { channel, sent } = bench(account({ pending: range(1, 60, (id) => at(id, 10)), open: [] }));
    for await (const _ of channel.active?.(SINCE, never()) ?? []) break;
    expect(sent).toHaveLength(1);
  });

  it('throws, naming the fix, where conversations may not be listed', async () => {
    await expect(collect(() => json(FORBIDDEN, 401))).rejects.toMatchObject({ code: 'channel_auth', message: expect.stringContaining('readToken') });
    await expect(collect(() => json({ data: {} }))).rejects.toMatchObject({ code: 'channel_unclear' });
  });
});
