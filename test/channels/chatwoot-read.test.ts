import { describe, expect, it } from 'vitest';
import type { Channel } from '../../src/ports/channel.ts';
import { bench, json, never, part } from './chatwoot-bench.ts';
import type { Answerer } from './chatwoot-bench.ts';
import { NOW } from './chatwoot-payloads.ts';
import type { Json } from './chatwoot-payloads.ts';
import { activity, ago, chatwoot, contact, FORBIDDEN, greeting, human, note, otherBot, ours, range, shown } from './chatwoot-rest.ts';

describe('examine', () => {
  async function examine(talk: Json, messages: Json[], how: { onOpen?: 'handoff'; access?: 'person' | 'bot' } = {}) {
    const { access, ...options } = how;
    const { channel, sent } = bench(chatwoot(talk, messages, access), options);
    const caught = await channel.examine?.('31', never());
    const toggled = sent.filter(({ method }) => method === 'POST').map(({ url, body, headers }) => [url.pathname.split('/').at(-1), body, headers.get('api_access_token')]);
    return { caught, toggled, sent, missed: caught?.messages.map(({ externalId }) => externalId) };
  }
  const BACK = [['toggle_status', { status: 'pending' }, 'bot-token']];

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

describe('a question that Chatwoot does not answer', () => {
  const asking = {
    find: (channel: Channel, signal: AbortSignal) => channel.find?.(part, signal),
    examine: (channel: Channel, signal: AbortSignal) => channel.examine?.('31', signal),
    active: async (channel: Channel, signal: AbortSignal) => {
      for await (const _ of channel.active?.(NOW, signal) ?? []) break;
    },
  };
  const hang = (signal: AbortSignal | null | undefined): Promise<Response> =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

  it.each(Object.entries(asking))('%s: is given up at the request\'s own deadline', async (_, ask) => {
    const { channel } = bench((_sent, { signal }) => hang(signal), { requestMs: 50 });
    await expect(ask(channel, never())).rejects.toMatchObject({ code: 'channel_unclear' });
  });

  it.each(Object.entries(asking))('%s: is given up when we are stopped', async (_, ask) => {
    const stop = new AbortController();
    const { channel, sent } = bench((_sent, { signal }) => {
      const answer = hang(signal);
      stop.abort();
      return answer;
    }, { requestMs: 120_000 });
    await expect(ask(channel, stop.signal)).rejects.toMatchObject({ code: 'channel_unclear' });
    await expect(ask(channel, stop.signal)).rejects.toMatchObject({ code: 'channel_unclear' });
    expect(sent).toHaveLength(1);
  });

  it('is no reason to ask on, once we are stopped between two pages', async () => {
    const stop = new AbortController();
    const { channel, sent } = bench((request, init) => {
      stop.abort();
      return chatwoot(shown(), range(1, 100, contact))(request, init);
    });
    await expect(channel.find?.(part, stop.signal)).rejects.toMatchObject({ code: 'channel_unclear' });
    expect(sent).toHaveLength(1);
  });
});
