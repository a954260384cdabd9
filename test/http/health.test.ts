import { describe, expect, it } from 'vitest';
import type { Lifecycle } from '../../src/http/index.ts';
import * as shapes from '../../src/http/shapes.ts';
import { serve } from './support.ts';

const get = (url: string, accept?: string) => ({ method: 'GET', url, headers: accept ? { accept } : {} }) as const;

function lifecycle(phase: ReturnType<Lifecycle['phase']>): Lifecycle {
  return { phase: () => phase, initialized: phase !== 'starting', handlers: [{ name: 'http', priority: 1 }], degraded: () => [], breakers: () => [] };
}

const down = { kind: 'sqlite', ping: () => Promise.reject(new Error('disk gone')) } as const;

describe('probes', () => {
  it.each([
    ['starting', 200, 503, 503],
    ['ready', 200, 200, 200],
    ['draining', 200, 503, 200],
  ] as const)('while %s: livez %i, readyz %i, startupz %i', async (phase, livez, readyz, startupz) => {
    const { app } = await serve({ deps: { lifecycle: lifecycle(phase) } });
    expect((await app.inject(get('/livez'))).statusCode).toBe(livez);
    expect((await app.inject(get('/readyz'))).statusCode).toBe(readyz);
    expect((await app.inject(get('/startupz'))).statusCode).toBe(startupz);
  });

  it('a store that is down makes it unready, not dead', async () => {
    const { app } = await serve({ deps: { store: down } });
    expect((await app.inject(get('/livez'))).json()).toEqual({ status: 'ok' });
    const ready = await app.inject(get('/readyz'));
    expect(ready.headers['content-type']).toContain('application/problem+json');
    expect(ready.json()).toMatchObject({ status: 503, code: 'not_ready', detail: 'the store does not answer: disk gone' });
    expect((await app.inject(get('/health'))).statusCode).toBe(503);
  });

  it('a store that hangs makes it unready after a second', async () => {
    const { app, clock } = await serve({ deps: { store: { kind: 'sqlite', ping: () => new Promise(() => undefined) } } });
    const answer = app.inject(get('/readyz'));
    let done = false;
    void answer.then(() => (done = true));
    await expect
      .poll(() => {
        clock.wakeAll();
        return done;
      })
      .toBe(true);
    expect((await answer).json()).toMatchObject({ status: 503, detail: 'the store did not answer within 1000 ms' });
  });

  it('GET /health', async () => {
    const { app } = await serve();
    const body = (await app.inject(get('/health'))).json();
    expect(shapes.health.strict().safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({ version: '9.9.9', phase: 'ready', store: { kind: 'memory' } });
  });
});

describe('GET /health/resilience', () => {
  it('has the shape that deployments know', async () => {
    const { app } = await serve();
    expect((await app.inject(get('/health/resilience'))).json()).toEqual({
      initialized: true,
      queue: { pending: 5, active: 2, concurrency: 3, successRate: '98.5%' },
      shutdownHandlers: [{ name: 'localQueue', priority: 10 }, { name: 'http', priority: 1 }],
      engine: { mode: 'local', paused: false },
      store: { kind: 'memory' },
      degraded: [],
      breakers: [],
    });
  });

  it('says what is degraded instead of failing', async () => {
    const paused = await serve();
    await paused.operate.queue.pause({ scope: 'all' });
    expect((await paused.app.inject(get('/health/resilience'))).json()).toMatchObject({ degraded: ['engine_paused'] });
    const { app } = await serve({ deps: { store: down } });
    const answer = await app.inject(get('/health/resilience'));
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ queue: null, degraded: ['store'] });
  });
});

describe('metrics', () => {
  const prometheus = 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

  it.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'application/json'],
    ['text/plain;version=0.0.4', 'text/plain; version=0.0.4'],
    [prometheus, 'text/plain; version=0.0.4'],
  ])('GET /metrics with Accept %s answers %s', async (accept, type) => {
    const { app } = await serve();
    const answer = await app.inject(get('/metrics', accept));
    expect(answer.headers['content-type']).toContain(type);
    expect(answer.body).toBe(type === 'application/json' ? '{"jobs":1}' : 'jobs 1\n');
  });

  it('GET /metrics/prometheus is always text', async () => {
    const { app } = await serve();
    const answer = await app.inject(get('/metrics/prometheus', 'application/json'));
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.body).toBe('jobs 1\n');
  });
});
