import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { SendResult } from '../../src/ports/channel.ts';
import { createChatwootChannel } from '../../src/channels/chatwoot/index.ts';
import type { ChannelId, OrgId } from '../../src/domain/ids.ts';
import { bench, clock, json, never, nobody, part, recorder, talk } from './chatwoot-bench.ts';
import type { Answerer } from './chatwoot-bench.ts';
import { NOW } from './chatwoot-payloads.ts';

const stored = { id: 812, content: part.text, message_type: 1, status: 'sent', content_attributes: { chasqui: part.key } };

function failing(code: string, extra: object = {}): Answerer {
  return () => {
    throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error(`connect ${code} https://secret`), { code, ...extra }) });
  };
}

const failingOnEach = (...codes: string[]): Answerer => () => {
  const each = codes.map((code) => Object.assign(new Error(code), { code }));
  throw Object.assign(new TypeError('fetch failed'), { cause: new AggregateError(each) });
};

const broken: Answerer = () =>
  new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) }), { status: 200 });

describe('sending a part', () => {
  it('posts it once, with our marker and the bot\'s token', async () => {
    const { channel, sent, telemetry } = bench(() => json(stored));
    expect(await channel.send(part, never())).toEqual({ kind: 'sent', providerId: '812' });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.url.href).toBe('https://chat.example.com/api/v1/accounts/1/conversations/31/messages');
    expect(sent[0]?.headers.get('api_access_token')).toBe('bot-token');
    expect(sent[0]).toMatchObject({ method: 'POST', redirect: 'manual' });
    expect(sent[0]?.body).toEqual({
      content: part.text,
      message_type: 'outgoing',
      private: false,
      content_type: 'text',
      content_attributes: { chasqui: 'turn_1-0' },
    });
    expect(telemetry.counts).toEqual(['channel_requests_total send ok']);
  });

  const paused = (retryAfterMs?: number) => ({ kind: 'refused_for_now', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  const text = (status: number, body: string, headers = {}) => () => new Response(body, { status, headers });
  const date = new Date(NOW + 90_000).toUTCString();

  it.each<[string, Answerer, object]>([
    ['201 with an id that is text', () => json({ id: 'abc' }, 201), { kind: 'sent', providerId: 'abc' }],
    ['200 without an id', () => json({ ok: true }), { kind: 'ambiguous' }],
    ['200 with an empty body', text(200, ''), { kind: 'ambiguous' }],
    ['200 with HTML', text(200, '<html>'), { kind: 'ambiguous' }],
    ['200 with a list', () => json([stored]), { kind: 'ambiguous' }],
    ['200 with half a body', broken, { kind: 'ambiguous' }],
    ['200 with a body beyond 256 kB', () => json({ ...stored, extra: 'x'.repeat(270_000) }), { kind: 'ambiguous' }],
    ['500', text(500, 'boom'), { kind: 'ambiguous' }],
    ['502', text(502, ''), { kind: 'ambiguous' }],
    ['408', text(408, ''), { kind: 'ambiguous' }],
    ['429 in plain text', text(429, 'Retry later\n'), paused()],
    ['429 with seconds', text(429, '', { 'retry-after': '12' }), paused(12_000)],
    ['429 with a date', text(429, '', { 'retry-after': date }), paused(90_000)],
    ['429 with a date that is over', text(429, '', { 'retry-after': new Date(NOW - 9000).toUTCString() }), paused(0)],
    ['429 with an absurd pause', text(429, '', { 'retry-after': '99999999' }), paused(3_600_000)],
    ['429 with nonsense', text(429, '', { 'retry-after': 'soon' }), paused()],
    ['422 of the flood limit', () => json({ error: 'Too many messages' }, 422), paused(60_000)],
    ['422 of the flood limit with a pause', () => json({ error: 'Too many messages' }, 422, { 'retry-after': '5' }), paused(5000)],
    ['422 otherwise', () => json({ error: 'Content is too long' }, 422), { kind: 'failed', reason: 'send_failed' }],
    ['400', text(400, ''), { kind: 'failed', reason: 'send_failed' }],
    ['401', () => json({ error: 'Invalid Access Token' }, 401), { kind: 'failed', reason: 'channel_auth' }],
    ['403', text(403, ''), { kind: 'failed', reason: 'channel_auth' }],
    ['404', text(404, ''), { kind: 'failed', reason: 'send_failed' }],
    ['a redirect', text(302, '', { location: 'https://evil.example' }), { kind: 'failed', reason: 'send_failed' }],
    ['connection refused', failing('ECONNREFUSED'), paused()],
    ['connection refused on every address', failingOnEach('ECONNREFUSED', 'ECONNREFUSED'), paused()],
    ['connection refused on one address only', failingOnEach('ECONNREFUSED', 'EPIPE'), { kind: 'ambiguous' }],
    ['no such host', failing('ENOTFOUND'), paused()],
    ['no name server', failing('EAI_AGAIN'), paused()],
    ['unreachable while connecting', failing('EHOSTUNREACH', { syscall: 'connect' }), paused()],
    ['unreachable later', failing('EHOSTUNREACH', { syscall: 'read' }), { kind: 'ambiguous' }],
    ['reset', failing('ECONNRESET'), { kind: 'ambiguous' }],
    ['closed by the other side', failing('UND_ERR_SOCKET'), { kind: 'ambiguous' }],
    ['an unknown failure', failing('EWHATEVER'), { kind: 'ambiguous' }],
  ])('%s', async (_, answer, expected) => {
    const { channel } = bench(answer);
    const result = await channel.send(part, never());
    expect(result).toMatchObject(expected);
    expect('retryAfterMs' in result).toBe('retryAfterMs' in expected);
  });

  it('is ambiguous when no answer comes in time, and the request is aborted', async () => {
    let aborted = false;
    const hang: Answerer = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        });
      });
    const { channel, telemetry } = bench(hang, { requestMs: 50 });
    expect(await channel.send(part, never())).toMatchObject({ kind: 'ambiguous' });
    expect(aborted).toBe(true);
    expect(telemetry.counts).toEqual(['channel_requests_total send no_answer']);
  });

  it('was not sent when we were stopped before, and is ambiguous when stopped meanwhile', async () => {
    expect(await bench(nobody).channel.send(part, AbortSignal.abort())).toMatchObject({ kind: 'refused_for_now' });
    const stop = new AbortController();
    const { channel } = bench((_, { signal }) => {
      stop.abort();
      throw signal?.reason;
    });
    expect(await channel.send(part, stop.signal)).toMatchObject({ kind: 'ambiguous' });
  });

  it('cannot be led to another path by the conversation\'s name', async () => {
    const { channel, sent } = bench(() => json(stored));
    await channel.send({ ...part, conversation: { ...talk, externalId: '../../2/x?' } }, never());
    expect(sent[0]?.url.pathname).toBe('/api/v1/accounts/1/conversations/..%2F..%2F2%2Fx%3F/messages');
  });

  it('keeps tokens, addresses and texts out of the log and of the error', async () => {
    const answers: Answerer[] = [failing('ECONNRESET'), () => json({ error: part.text }, 422), () => json({ error: 'bot-token' }, 401)];
    for (const answer of answers) {
      const { channel, telemetry } = bench(answer);
      const result = await channel.send(part, never());
      expect(telemetry.lines).toHaveLength(1);
      expect(JSON.stringify([telemetry.lines, result])).not.toMatch(/bot-token|chat\.example\.com|https:|Hello/);
    }
  });
});

describe('over a real connection', () => {
  async function against(handle: Parameters<typeof createServer>[1], run: (send: () => Promise<SendResult>) => Promise<void>, requestMs = 5000) {
    const server = createServer(handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const channel = createChatwootChannel(
      { id: 'chn_cw' as ChannelId, orgId: 'org_a' as OrgId, baseUrl: `http://127.0.0.1:${port}`, accountId: '1', apiToken: 't', requestMs },
      { clock, telemetry: recorder() },
    );
    try {
      await run(() => channel.send(part, never()));
    } finally {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    }
  }

  it('a connection dropped after the request is ambiguous, a closed port is not', async () => {
    const results: SendResult[] = [];
    let again: () => Promise<SendResult> = () => Promise.reject(new Error('not set'));
    await against((request) => void request.socket.destroy(), async (send) => {
      again = send;
      results.push(await send());
    });
    results.push(await again());
    expect(results).toMatchObject([{ kind: 'ambiguous' }, { kind: 'refused_for_now', error: expect.stringContaining('ECONNREFUSED') }]);
  });

  it('resets the socket at the deadline, and does not follow redirects', async () => {
    const closed = Promise.withResolvers<void>();
    await against((request) => void request.socket.once('close', () => closed.resolve()), async (send) => {
      expect(await send()).toMatchObject({ kind: 'ambiguous' });
      await closed.promise;
    }, 100);
    const paths: string[] = [];
    const redirect: Parameters<typeof createServer>[1] = (request, response) => {
      paths.push(request.url ?? '');
      response.writeHead(307, { location: '/elsewhere' }).end();
    };
    await against(redirect, async (send) => {
      expect(await send()).toMatchObject({ kind: 'failed', error: expect.stringContaining('baseUrl') });
    });
    expect(paths).toEqual(['/api/v1/accounts/1/conversations/31/messages']);
  });
});

describe('typing', () => {
  it('is switched on and off', async () => {
    const { channel, sent } = bench(() => new Response(''));
    await channel.typing?.(talk, true, never());
    await channel.typing?.(talk, false, never());
    expect(sent.map(({ url, body }) => [url.pathname, body])).toEqual([
      ['/api/v1/accounts/1/conversations/31/toggle_typing_status', { typing_status: 'on' }],
      ['/api/v1/accounts/1/conversations/31/toggle_typing_status', { typing_status: 'off' }],
    ]);
  });

  it.each<[string, Answerer, string]>([
    ['a refusal', () => json({}, 401), 'refused'],
    ['an error', () => json({}, 500), 'server_error'],
    ['no connection', failing('ECONNREFUSED'), 'not_sent'],
    ['a reset', failing('ECONNRESET'), 'no_answer'],
  ])('only counts %s', async (_, answer, result) => {
    const { channel, telemetry } = bench(answer);
    await expect(channel.typing?.(talk, true, never())).resolves.toBeUndefined();
    expect(telemetry.counts).toEqual([`channel_requests_total typing ${result}`]);
  });
});
