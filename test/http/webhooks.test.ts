import { describe, expect, it, vi } from 'vitest';
import { StoreBusy, StoreFailed, StoreTimeout } from '../../src/domain/errors.ts';
import type { MessageId } from '../../src/domain/ids.ts';
import { namedChannel, serve } from './support.ts';

const post = (url: string, payload: string | Buffer = '{}', headers: Record<string, string> = { 'content-type': 'application/json' }) =>
  ({ method: 'POST', url, payload, headers }) as const;

describe('webhook routes', () => {
  it('give the channel the bytes as they came, with headers, secret and time', async () => {
    const { app, received, clock } = await serve();
    const body = Buffer.from('{"a": "\\u003c", "é":\t1.0 }');
    const answer = await app.inject(post('/webhooks/chatwoot/chn_a/s3cret', body, { 'content-type': 'application/json', 'x-chatwoot-signature': 'sha256=1' }));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ ok: true, messageIds: ['msg_1'] });
    const { channel, delivery } = received[0] ?? {};
    expect(channel?.id).toBe('chn_a');
    expect(Buffer.from(delivery?.body ?? []).equals(body)).toBe(true);
    expect(delivery).toMatchObject({ pathSecret: 's3cret', receivedAt: clock.at });
    expect(delivery?.headers['x-chatwoot-signature']).toBe('sha256=1');
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml', 'nonsense', ';;', undefined])(
    'read the body by route, whatever the header says: %s',
    async (type) => {
      const { app, received } = await serve();
      const answer = await app.inject(post('/webhooks/chatwoot', 'not { json', type ? { 'content-type': type } : {}));
      expect(answer.statusCode).toBe(200);
      expect(Buffer.from(received[0]?.delivery.body ?? []).toString()).toBe('not { json');
    },
  );

  it('pass an empty body on as no bytes', async () => {
    const { app, received } = await serve();
    await app.inject({ method: 'POST', url: '/webhooks/chatwoot' });
    await app.inject(post('/webhooks/chatwoot', ''));
    expect(received.map(({ delivery }) => delivery.body.length)).toEqual([0, 0]);
  });

  it('without an id mean the only channel of the kind', async () => {
    const { app, received } = await serve();
    expect((await app.inject(post('/webhooks/chatwoot'))).statusCode).toBe(200);
    expect(received[0]?.delivery.pathSecret).toBeNull();
    const none = await app.inject(post('/webhooks/telegram'));
    expect(none.statusCode).toBe(404);
    expect(none.json()).toMatchObject({ code: 'channel_unknown', detail: 'No channel of the kind telegram is configured.' });
    const wrong = await app.inject(post('/webhooks/chatwoot/chn_zzz'));
    expect(wrong.json()).toMatchObject({ status: 404, code: 'channel_unknown' });
  });

  it('without an id refuse to choose between two', async () => {
    const { app, received } = await serve({ channels: [namedChannel('chatwoot', 'chn_a'), namedChannel('chatwoot', 'chn_b')] });
    const answer = await app.inject(post('/webhooks/chatwoot'));
    expect(answer.json()).toMatchObject({ status: 404, code: 'channel_ambiguous', detail: expect.stringContaining('/webhooks/chatwoot/{channelId}') as string });
    expect((await app.inject(post('/webhooks/chatwoot/chn_b'))).statusCode).toBe(200);
    expect(received.map(({ channel }) => channel.id)).toEqual(['chn_b']);
  });

  it('keep the old address for the channel of the environment', async () => {
    const two = [namedChannel('chatwoot', 'chn_a'), namedChannel('chatwoot', 'chn_env')];
    const channels = { find: () => null, ofKind: () => two, fromEnvironment: () => two[1] ?? null };
    const { app, received } = await serve({ deps: { channels } });
    expect((await app.inject(post('/chatwoot/webhook'))).statusCode).toBe(200);
    expect(received[0]?.channel.id).toBe('chn_env');
    const single = await serve();
    expect((await single.app.inject(post('/chatwoot/webhook'))).statusCode).toBe(200);
    expect(single.received[0]?.channel.id).toBe('chn_a');
  });

  it('refuse a body over 1 MiB before anybody sees it', async () => {
    const { app, received } = await serve();
    const limit = 1_048_576;
    expect((await app.inject(post('/webhooks/chatwoot', Buffer.alloc(limit, 32)))).statusCode).toBe(200);
    const answer = await app.inject(post('/webhooks/chatwoot', Buffer.alloc(limit + 1, 32)));
    expect(answer.statusCode).toBe(413);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ code: 'body_too_large', status: 413 });
    expect(received).toHaveLength(1);
  });

  it.each([400, 401, 403, 413] as const)('tell the refusal of the channel as a problem with its status %i', async (status) => {
    const { app, intake } = await serve();
    intake.receive.mockResolvedValueOnce({ status, code: 'signature_invalid', detail: 'no match' });
    const answer = await app.inject(post('/webhooks/chatwoot'));
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ status, code: 'signature_invalid', detail: 'no match' });
  });

  it.each([
    [new StoreBusy(5000), 429, 'store_busy'],
    [new StoreTimeout('append', 3000), 500, 'store_timeout'],
    [new StoreFailed('append', new Error('ENOSPC: /secret/path')), 500, 'store_failed'],
    [new TypeError('cannot read secret of undefined'), 500, 'internal_error'],
  ])('answer %s with %i, so that Chatwoot sends it again', async (error, status, code) => {
    const { app, intake, telemetry } = await serve();
    intake.receive.mockRejectedValueOnce(error);
    const answer = await app.inject(post('/webhooks/chatwoot', '{"text":"my body"}'));
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ status, code });
    expect(answer.headers['retry-after']).toBe(status === 429 ? '1' : undefined);
    expect(answer.body).not.toContain('secret');
    expect(JSON.stringify(telemetry.logged)).not.toContain('my body');
    expect(telemetry.logged.filter((line) => line.level === 'error')).toHaveLength(status === 500 ? 1 : 0);
  });

  it.each(['/webhooks/%zz', '/webhooks/chatwoot/%E0%A4%A'])('survive an address that cannot be decoded: %s', async (url) => {
    const { app } = await serve();
    const answer = await app.inject(post(url));
    expect(answer.json()).toMatchObject({ status: 400, code: 'invalid_url' });
  });

  it('are counted by pattern, method and status, and never by their secrets', async () => {
    const { app, telemetry, intake } = await serve();
    await app.inject(post('/webhooks/chatwoot/chn_a/s3cret'));
    intake.receive.mockResolvedValueOnce({ status: 401, code: 'signature_invalid', detail: '' });
    await app.inject(post('/webhooks/chatwoot/chn_a/s3cret'));
    intake.receive.mockRejectedValueOnce(new StoreBusy(1));
    await app.inject(post('/webhooks/chatwoot/chn_a/s3cret'));
    const counted = telemetry.counted.filter(({ name }) => name === 'api_request_count').map(({ labels }) => labels);
    const endpoint = '/webhooks/:kind/:channelId/:secret';
    expect(counted).toEqual(['200', '401', '429'].map((status) => ({ endpoint, method: 'POST', status })));
    expect(JSON.stringify(telemetry)).not.toContain('s3cret');
  });
});

describe('with useAsyncWebhook: false', () => {
  it('answer only after the messages have ended', async () => {
    const ended = Promise.withResolvers<void>();
    const answered = vi.fn(() => ended.promise);
    const { app } = await serve({ settings: { useAsyncWebhook: false }, deps: { answered } });
    let done = false;
    const answer = app.inject(post('/webhooks/chatwoot')).then((response) => {
      done = true;
      return response;
    });
    await expect.poll(() => answered.mock.calls.length).toBe(1);
    expect(done).toBe(false);
    ended.resolve();
    expect((await answer).json()).toEqual({ ok: true, messageIds: ['msg_1'] });
  });

  it('answer at the deadline all the same: the message is stored', async () => {
    let aborted: AbortSignal | undefined;
    const answered = (_ids: MessageId[], signal: AbortSignal) => new Promise<void>(() => (aborted = signal));
    const { app, clock } = await serve({ settings: { useAsyncWebhook: false }, deps: { answered } });
    const answer = app.inject(post('/webhooks/chatwoot'));
    await expect.poll(() => aborted).toBeDefined();
    clock.wakeAll();
    expect((await answer).statusCode).toBe(200);
    expect(aborted?.aborted).toBe(true);
  });

  it('do not wait for a delivery that was refused', async () => {
    const answered = vi.fn(async () => undefined);
    const { app, intake } = await serve({ settings: { useAsyncWebhook: false }, deps: { answered } });
    intake.receive.mockResolvedValueOnce({ status: 401, code: 'signature_invalid', detail: '' });
    expect((await app.inject(post('/webhooks/chatwoot'))).statusCode).toBe(401);
    expect(answered).not.toHaveBeenCalled();
  });
});
