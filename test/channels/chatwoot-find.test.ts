import { describe, expect, it } from 'vitest';
import { bench, json, never, part } from './chatwoot-bench.ts';
import type { Answerer } from './chatwoot-bench.ts';
import type { Json } from './chatwoot-payloads.ts';
import { activity, ago, chatwoot, contact, keyAt, note, ours, range, shown } from './chatwoot-rest.ts';

describe('find', () => {
  const find = (messages: Json[], access?: 'person' | 'bot', talk = shown()) => {
    const { channel, sent } = bench(chatwoot(talk, messages, access));
    return { result: channel.find?.(part, never()), sent };
  };

  it.each<[string, Json[], string | null, number]>([
    ['the part among the newest', [contact(1), ours(2, part.key), contact(3)], '2', 1],
    ['the part, though other parts of ours landed after it', [ours(2, part.key), ours(3, 'turn_0-0')], '2', 1],
    ['the part on an older page', [ours(2, part.key), ...range(3, 40, contact)], '2', 2],
    ['the part of an earlier turn behind newer replies of ours', [ours(2, part.key), ...range(3, 60, (id) => (id % 2 ? contact(id) : ours(id)))], '2', 3],
    ['nothing, though other parts of ours are there', [contact(1), ours(2, 'turn_0-0'), contact(3)], null, 2],
    ['nothing in an empty conversation', [], null, 1],
    ['nothing up to the beginning', range(1, 30, contact), null, 3],
    ['nothing: same key on a private note', [ours(1, 'turn_0-0'), note(2), ours(3, part.key, { private: true })], null, 2],
    ['nothing: same key from the contact', [ours(1, 'turn_0-0'), contact(2, { content_attributes: { chasqui: part.key } })], null, 2],
  ])('tells %s', async (...[, messages, expected, requests]) => {
    const { result, sent } = find(messages);
    expect(await result).toBe(expected);
    expect(sent).toHaveLength(requests);
    expect(sent.every(({ method, headers }) => method === 'GET' && headers.get('api_access_token') === 'agent-token')).toBe(true);
  });

  it('gives up after ten pages', async () => {
    const { result, sent } = find(range(1, 400, contact));
    await expect(result).rejects.toMatchObject({ code: 'channel_not_found' });
    expect(sent).toHaveLength(10);
  });

  /** Five minutes are allowed for: clocks that differ. */
  it.each<[string, number, string | null, number]>([
    ['ends at messages from before its turn was made', 301, null, 2],
    ['goes on past messages that are hardly older than its turn', 299, '1', 3],
  ])('looking for a part %s', async (_, age, expected, requests) => {
    const key = keyAt(1000);
    const older = (id: number) => contact(id, { created_at: ago(1000 + age) });
    const { channel, sent } = bench(chatwoot(shown(), [ours(1, key, { created_at: ago(1000) }), ...range(2, 30, older), ...range(31, 50, contact)]));
    expect(await channel.find?.({ ...part, key }, never())).toBe(expected);
    expect(sent).toHaveLength(requests);
  });

  it('with a bot\'s token decides only by the part itself and by earlier parts', async () => {
    const newest = (message: Json) => shown({ messages: [activity(9)], last_non_activity_message: message });
    expect(await find([], 'bot', newest(ours(8, part.key))).result).toBe('8');
    expect(await find([], 'bot', newest(ours(8, 'turn_0-0'))).result).toBeNull();
    const later = find([], 'bot', newest(ours(8, 'turn_2-0')));
    await expect(later.result).rejects.toMatchObject({ code: 'channel_auth' });
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
