import { describe, expect, it } from 'vitest';
import type { Conversation } from '../../src/domain/conversation.ts';
import { record } from '../operate/fake-store.ts';
import { serve } from './support.ts';

const go = new AbortController().signal;
const said = { conversation: { externalId: 'c-1' } as Conversation, key: 'turn_1-0', text: 'línea 1\nlínea 2 <b>' };
const post = { method: 'POST', url: '/webhooks/playground', payload: { conversation: 'c-1', text: 'hi' } } as const;

/** Reads a stream of server-sent events until `enough` says so. */
async function hear(response: Response, enough: (text: string) => boolean): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (reader && !enough(text)) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
  }
  await reader?.cancel();
  return text;
}

describe('the playground', () => {
  it('posts through the same intake as every channel', async () => {
    const { app, received } = await serve();
    expect((await app.inject(post)).json()).toEqual({ ok: true, messageIds: ['msg_1'] });
    expect(received[0]?.channel.kind).toBe('playground');
  });

  it('serves its page and files under a strict policy, with nothing from elsewhere', async () => {
    const { app } = await serve();
    const page = await app.inject({ method: 'GET', url: '/' });
    expect(page.headers['content-type']).toContain('text/html');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    const files = [...page.body.matchAll(/(?:src|href)="(playground\/[^"]+)"/g)].map(([, file]) => file);
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect((await app.inject({ method: 'GET', url: `/${file}` })).statusCode).toBe(200);
    const again = await app.inject({ method: 'GET', url: '/', headers: { 'if-none-match': String(page.headers.etag) } });
    expect(again.statusCode).toBe(304);
    expect((await app.inject({ method: 'GET', url: '/playground/../../package.json' })).statusCode).toBe(404);
  });

  it('does not exist when it is off', async () => {
    const { app } = await serve({ channels: [], deps: { playground: null } });
    for (const url of ['/', '/playground/events?conversation=a', '/playground/messages/msg_1', '/playground/playground.js']) {
      expect((await app.inject({ method: 'GET', url })).json(), url).toMatchObject({ code: 'route_unknown' });
    }
    expect((await app.inject(post)).json()).toMatchObject({ status: 404, code: 'channel_unknown' });
  });

  it.each([
    { remoteAddress: '192.168.1.9' },
    { headers: { host: 'rebound.example' } },
    { headers: { origin: 'https://evil.example' } },
    { headers: { 'sec-fetch-site': 'cross-site' } },
  ])('answers this machine only: %j', async (from) => {
    const { app, received } = await serve();
    const requests = [post, ...['/', '/playground/events?conversation=a', '/playground/messages/msg_1'].map((url) => ({ method: 'GET', url }) as const)];
    for (const request of requests) expect((await app.inject({ ...request, ...from })).json()).toMatchObject({ status: 403, code: 'playground_loopback_only' });
    expect(received).toEqual([]);
  });

  it('answers everybody when it is public', async () => {
    const { app } = await serve({ settings: { playgroundPublic: true, production: true } });
    const from = { remoteAddress: '203.0.113.9', headers: { host: 'demo.example' } };
    expect((await app.inject({ ...post, ...from })).statusCode).toBe(200);
    expect((await app.inject({ method: 'GET', url: '/', ...from })).statusCode).toBe(200);
  });

  it('tells journeys of its own messages and of no other channel', async () => {
    const { app } = await serve({ operate: { records: [record({ id: 'msg_own' as never, channelId: 'chn_play' }), record()] }, settings: { adminToken: 'x' } });
    expect((await app.inject({ method: 'GET', url: '/playground/messages/msg_own' })).json()).toMatchObject({ ok: true, id: 'msg_own' });
    expect((await app.inject({ method: 'GET', url: '/playground/messages/msg_1' })).statusCode).toBe(404);
    expect((await app.inject({ method: 'GET', url: '/playground/messages/msg_9' })).statusCode).toBe(404);
  });
});

describe('GET /playground/events', () => {
  it('tells what was said before and what is said now, and ends when the server closes', async () => {
    const { http, playground } = await serve();
    const address = await http.listen();
    await playground.send(said, go);
    const response = await fetch(`${address}/playground/events?conversation=c-1`);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    await playground.typing?.(said.conversation, true, go);
    await playground.send({ ...said, conversation: { externalId: 'c-2' } as Conversation, key: 'other', text: 'not yours' }, go);
    await playground.send({ ...said, key: 'turn_2-0', text: 'dos' }, go);
    const text = await hear(response, (heard) => heard.includes('turn_2-0'));
    expect(text).toContain(`event: message\ndata: ${JSON.stringify({ type: 'message', key: 'turn_1-0', text: said.text, at: 1_000_000 })}\n\n`);
    expect(text).toContain('event: typing\ndata: {"type":"typing","on":true}\n\n');
    expect(text).not.toContain('not yours');
    const open = await fetch(`${address}/playground/events?conversation=c-1`);
    const ended = hear(open, () => false);
    await http.close();
    expect(await ended).toContain('turn_2-0');
  });

  it('keeps a quiet stream alive', async () => {
    const { http, clock } = await serve();
    const response = await fetch(`${await http.listen()}/playground/events?conversation=c-1`);
    clock.wakeAll();
    expect(await hear(response, (heard) => heard.includes(': still here'))).toContain(': still here');
    await http.close();
  });

  it('has a hundred readers at most', async () => {
    const { http } = await serve();
    const url = `${await http.listen()}/playground/events?conversation=c-1`;
    const open = await Promise.all(Array.from({ length: 100 }, () => fetch(url)));
    const refused = await fetch(url);
    expect(await refused.json()).toMatchObject({ status: 503, code: 'too_many_streams' });
    await open[0]?.body?.cancel();
    await expect.poll(async () => {
      const next = await fetch(url);
      await next.body?.cancel();
      return next.status;
    }).toBe(200);
    await http.close();
  });

  it.each(['', '?conversation=', '?conversation=a&x=1'])('wants a conversation: %s', async (query) => {
    const { app } = await serve();
    expect((await app.inject({ method: 'GET', url: `/playground/events${query}` })).json()).toMatchObject({ status: 400, code: 'invalid_request' });
  });
});
