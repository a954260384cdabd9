import { describe, expect, it } from 'vitest';
import { isLoopbackHost } from '../../src/http/locality.ts';
import { serve } from './support.ts';

const GUARDED = [
  ['GET', '/admin/dlq'],
  ['GET', '/admin/dlq/stats'],
  ['GET', '/admin/stats'],
  ['GET', '/admin/governor/stats'],
  ['POST', '/admin/dlq/retry/job_cnv_1_1'],
  ['POST', '/admin/dlq/retry-all'],
  ['DELETE', '/admin/dlq/job_cnv_1_1'],
  ['DELETE', '/admin/dlq'],
  ['GET', '/chatwoot/stats'],
  ['POST', '/chatwoot/queue/pause'],
  ['POST', '/chatwoot/queue/resume'],
  ['GET', '/v1/messages/msg_1'],
  ['GET', '/v1/conversations/cnv_1/messages'],
  ['GET', '/v1/operations'],
  ['GET', '/v1/operations/op_1'],
  ['POST', '/v1/operations/op_1/cancel'],
  ['POST', '/v1/operations/op_1/resume'],
  ['GET', '/v1/jobs/job_lane_1_1'],
  ['GET', '/v1/legacy-queue'],
  ['POST', '/v1/imports'],
] as const;

const OPEN = ['/health', '/livez', '/readyz', '/startupz', '/health/resilience', '/metrics', '/metrics/prometheus', '/openapi.json'];

describe('with an admin token', () => {
  it.each(GUARDED)('%s %s wants it, from this machine too', async (method, url) => {
    const { app, dead } = await serve({ settings: { adminToken: 'topsecret', production: true } });
    for (const authorization of [undefined, 'Bearer', 'Bearer wrong', 'Bearer topsecre', 'Bearer topsecrets', 'Basic topsecret', 'topsecret']) {
      const answer = await app.inject({ method, url, headers: authorization ? { authorization } : {} });
      expect(answer.statusCode, String(authorization)).toBe(401);
      expect(answer.json()).toMatchObject({ code: 'admin_token_invalid' });
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
    }
    expect(dead.letters.size).toBe(2);
    const answer = await app.inject({ method, url, headers: { authorization: 'Bearer topsecret' }, remoteAddress: '203.0.113.9' });
    expect([401, 403]).not.toContain(answer.statusCode);
  });
});

describe('without an admin token', () => {
  it.each(GUARDED)('%s %s answers this machine only', async (method, url) => {
    const { app } = await serve();
    const remote = await app.inject({ method, url, remoteAddress: '192.168.1.7' });
    expect(remote.json()).toMatchObject({ status: 403, code: 'admin_loopback_only', detail: expect.stringContaining('ADMIN_TOKEN') as string });
    const local = await app.inject({ method, url });
    expect([401, 403]).not.toContain(local.statusCode);
  });

  it.each(GUARDED)('%s %s is closed in production, and says how to open it', async (method, url) => {
    const { app } = await serve({ settings: { production: true } });
    const answer = await app.inject({ method, url });
    expect(answer.json()).toMatchObject({ status: 403, code: 'admin_token_required', detail: expect.stringContaining('Set ADMIN_TOKEN') as string });
  });

  it.each(['evil.example', 'evil.example:8787', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', '::', 'a b'])(
    'refuses the Host %j: a name may point here without being ours',
    async (host) => {
      const { app } = await serve();
      expect((await app.inject({ method: 'GET', url: '/admin/dlq', headers: { host } })).statusCode).toBe(403);
    },
  );

  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', '127.9.9.9'])('knows %s as this machine', async (remoteAddress) => {
    const { app } = await serve();
    expect((await app.inject({ method: 'GET', url: '/admin/dlq', remoteAddress })).statusCode).toBe(200);
  });

  it.each([
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ 'sec-fetch-site': 'same-origin', origin: 'http://localhost:8787' }, 200],
    [{ 'sec-fetch-site': 'none' }, 200],
  ])('a page of another site may not use the browser of this machine: %j gives %i', async (headers, status) => {
    const { app } = await serve();
    expect((await app.inject({ method: 'GET', url: '/admin/dlq', headers })).statusCode).toBe(status);
  });

  it('a forwarded address does not make a stranger local', async () => {
    const { app } = await serve();
    const answer = await app.inject({ method: 'GET', url: '/admin/dlq', remoteAddress: '8.8.8.8', headers: { 'x-forwarded-for': '127.0.0.1' } });
    expect(answer.statusCode).toBe(403);
  });
});

describe('probes and metrics', () => {
  it.each(OPEN)('%s asks nobody for a token', async (url) => {
    const { app } = await serve({ settings: { adminToken: 'topsecret', production: true } });
    const answer = await app.inject({ method: 'GET', url, remoteAddress: '203.0.113.9', headers: { host: 'bots.example' } });
    expect(answer.statusCode).toBe(200);
  });
});

describe('loopback hosts', () => {
  it.each(['localhost', 'LOCALHOST:1', 'a.localhost', '127.0.0.1:80', '127.1.2.3', '[::1]', '[::1]:8787'])('%s is one', (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });
  it.each(['localhost.com', '0.0.0.0', '[::]', '1.2.3.4', 'http://localhost', 'localhost@evil.example'])('%s is none', (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});
