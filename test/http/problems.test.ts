import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { ERRORS } from '../../src/http/error-codes.ts';
import * as shapes from '../../src/http/shapes.ts';
import { serve } from './support.ts';

const json = { 'content-type': 'application/json' };

describe('problem documents', () => {
  it.each([
    ['an unknown route', { method: 'GET', url: '/nope' }, 404, 'route_unknown'],
    ['an unknown method', { method: 'PUT', url: '/admin/dlq' }, 404, 'route_unknown'],
    ['broken JSON', { method: 'DELETE', url: '/admin/dlq', payload: '{"confirm": ', headers: json }, 400, 'body_not_json'],
    ['a poisonous key', { method: 'DELETE', url: '/admin/dlq', payload: '{"__proto__": {"confirm": "DELETE_ALL_DLQ_JOBS"}}', headers: json }, 400, 'body_not_json'],
    ['another media type', { method: 'DELETE', url: '/admin/dlq', payload: 'a=b', headers: { 'content-type': 'text/csv' } }, 415, 'media_type_unsupported'],
    ['a large body', { method: 'DELETE', url: '/admin/dlq', payload: `"${'x'.repeat(1_048_577)}"`, headers: json }, 413, 'body_too_large'],
    ['a broken escape', { method: 'GET', url: '/v1/messages/%zz' }, 400, 'invalid_url'],
    ['an endless id', { method: 'GET', url: `/v1/messages/${'x'.repeat(501)}` }, 400, 'invalid_url'],
  ] as const)('%s', async (_name, request, status, code) => {
    const { app, dead } = await serve();
    const answer = await app.inject(request);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(shapes.problemShape.strict().safeParse(answer.json()).error).toBeUndefined();
    expect(answer.json()).toMatchObject({ code, status });
    expect(dead.letters.size).toBe(2);
  });

  it('an operators route that fails unexpectedly tells nothing of the cause', async () => {
    const { app, dead, telemetry } = await serve();
    dead.port.list = () => Promise.reject(new Error('password=hunter2'));
    const answer = await app.inject({ method: 'GET', url: '/admin/dlq' });
    expect(answer.json()).toMatchObject({ status: 500, code: 'internal_error' });
    expect(answer.body).not.toContain('hunter2');
    expect(telemetry.logged).toHaveLength(1);
  });

  it('carry the same safe headers as every other answer', async () => {
    const { app } = await serve();
    for (const url of ['/nope', '/health', '/admin/dlq', '/']) {
      const { headers } = await app.inject({ method: 'GET', url });
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer' });
    }
  });

  it('are written by hand for what is not HTTP', async () => {
    const { http } = await serve();
    const { port } = new URL(await http.listen());
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      let got = '';
      socket.on('data', (chunk) => (got += chunk.toString()));
      socket.on('error', reject);
      socket.on('close', () => resolve(got));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('application/problem+json');
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 'bad_request', status: 400 });
    await http.close();
  });
});

describe('listening', () => {
  it('says which setting to change when the port is taken', async () => {
    const one = await serve();
    const { port } = new URL(await one.http.listen());
    const two = await serve({ settings: { port: Number(port) } });
    await expect(two.http.listen()).rejects.toThrow(`PORT ${port} is taken on 127.0.0.1`);
    await one.http.close();
    await two.http.close();
  });
});

describe('closing', () => {
  it('finishes what is under way, and does not wait for connections that are kept alive', async () => {
    const stored = Promise.withResolvers<void>();
    const { http, intake } = await serve({ deps: { clock: systemClock } });
    intake.receive.mockImplementationOnce(async () => {
      await stored.promise;
      return { messageIds: [], duplicates: 0 };
    });
    const address = await http.listen();
    const answer = fetch(`${address}/webhooks/chatwoot`, { method: 'POST', body: '{}' });
    await expect.poll(() => intake.receive.mock.calls.length).toBe(1);
    const closed = http.close();
    await expect.poll(() => http.app.server.listening).toBe(false);
    stored.resolve();
    expect((await answer).status).toBe(200);
    await closed;
    await expect(fetch(`${address}/livez`)).rejects.toThrow();
  }, 5_000);
});

describe('docs/errors.md', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const documented = [...text.matchAll(/^### (\w+)\n(\d{3})/gm)].map(([, code, status]) => [code, Number(status)]);

  it('describes every code with its status, and no other', () => {
    const known = Object.entries(ERRORS).map(([code, { status }]) => [code, status]);
    expect(documented.toSorted()).toEqual(known.toSorted());
  });
});

describe('/openapi.json', () => {
  it('describes every route, from the schemas the routes use', async () => {
    const { app } = await serve();
    const document = (await app.inject({ method: 'GET', url: '/openapi.json' })).json<{ openapi: string; paths: Record<string, Record<string, object>> }>();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).toSorted()).toEqual(
      [
        '/admin/dlq', '/admin/dlq/retry-all', '/admin/dlq/retry/{jobId}', '/admin/dlq/stats', '/admin/dlq/{jobId}', '/admin/governor/stats', '/admin/stats',
        '/chatwoot/queue/pause', '/chatwoot/queue/resume', '/chatwoot/stats', '/chatwoot/webhook', '/health', '/health/resilience', '/livez',
        '/metrics', '/metrics/prometheus', '/openapi.json', '/playground/events', '/playground/messages/{id}', '/readyz', '/startupz',
        '/v1/config', '/v1/config/reload', '/v1/conversations/{id}/messages', '/v1/messages/{id}', '/v1/engine', '/v1/events', '/v1/imports', '/v1/jobs/{id}', '/v1/legacy-queue', '/v1/operations', '/v1/operations/{id}', '/v1/operations/{id}/cancel', '/v1/operations/{id}/resume', '/v1/queue', '/v1/queue/pause', '/v1/queue/resume', '/v1/scaling', '/webhooks/{kind}', '/webhooks/{kind}/{channelId}',
        '/webhooks/{kind}/{channelId}/{secret}',
      ].toSorted(),
    );
    expect(document.paths['/admin/dlq']).toMatchObject({
      get: { security: [{ adminToken: [] }], parameters: expect.arrayContaining([expect.objectContaining({ name: 'limit', in: 'query', required: false })]) as object },
      delete: { requestBody: { content: { 'application/json': { schema: { properties: { confirm: { const: 'DELETE_ALL_DLQ_JOBS' } } } } } } },
    });
    for (const [path, methods] of Object.entries(document.paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const operation of Object.values(methods) as { parameters: { name: string; in: string }[] }[]) {
        expect(operation.parameters.filter((one) => one.in === 'path').map(({ name }) => name)).toEqual(named);
      }
    }
  });
});
