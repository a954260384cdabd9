import { describe, expect, it } from 'vitest';
import * as shapes from '../../src/http/shapes.ts';
import { letter } from '../operate/fake-store.ts';
import { serve } from './support.ts';

const get = (url: string) => ({ method: 'GET', url }) as const;

describe('dead letter routes', () => {
  it('GET /admin/dlq has the shape that deployments know', async () => {
    const { app } = await serve();
    const body = (await app.inject(get('/admin/dlq?limit=1'))).json<{ count: number; nextCursor: string; jobs: object[] }>();
    expect(shapes.dlqPage.strict().safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({ ok: true, count: 1, nextCursor: '1' });
    expect(Object.keys(body.jobs[0] ?? {})).toEqual(
      expect.arrayContaining(['jobId', 'originalJobId', 'originalJob', 'orgId', 'channelId', 'conversationId', 'failedAt', 'reason', 'attempts', 'data']),
    );
    expect((await app.inject(get('/admin/dlq?reason=crashed'))).json()).toMatchObject({ count: 0, jobs: [], nextCursor: null });
  });

  it.each([
    ['limit=0', 'querystring.limit'],
    ['limit=501', 'querystring.limit'],
    ['limit=ten', 'querystring.limit'],
    ['orgId=a', 'querystring'],
  ])('GET /admin/dlq?%s names the wrong field', async (query, field) => {
    const { app } = await serve();
    const answer = await app.inject(get(`/admin/dlq?${query}`));
    expect(answer.json()).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ field }] });
  });

  it('GET /admin/dlq/stats', async () => {
    const { app } = await serve();
    const body = (await app.inject(get('/admin/dlq/stats'))).json();
    expect(shapes.dlqStats.strict().safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({ ok: true, name: 'chasqui-dlq', counts: { waiting: 2, total: 2 } });
  });

  it('POST /admin/dlq/retry/{jobId}: once, 409 after that, 404 for an unknown one', async () => {
    const { app, woken } = await serve();
    const retry = (id: string) => app.inject({ method: 'POST', url: `/admin/dlq/retry/${id}`, headers: { 'content-type': 'application/json' } });
    expect((await retry('job_cnv_1_1')).json()).toEqual({ ok: true, jobId: 'job_cnv_1_1', retriedAs: 'job_cnv_1_1000' });
    expect(woken).toEqual(['cnv_1']);
    expect((await retry('job_cnv_1_1')).json()).toMatchObject({ status: 409, code: 'already_retried' });
    expect((await retry('job_cnv_9_1')).json()).toMatchObject({ status: 404, code: 'job_unknown' });
    expect((await retry('nonsense')).json()).toMatchObject({ status: 404, code: 'job_unknown' });
  });

  it('POST /admin/dlq/retry/{jobId} is refused while a person owns the conversation', async () => {
    const { app, dead } = await serve();
    dead.fates.set(letter('cnv_1', 1).jobId, { kind: 'human_owns' });
    const answer = await app.inject({ method: 'POST', url: '/admin/dlq/retry/job_cnv_1_1' });
    expect(answer.json()).toMatchObject({ status: 409, code: 'human_owns' });
  });

  it('POST /admin/dlq/retry-all starts an operation with progress', async () => {
    const { app } = await serve();
    const answer = await app.inject({ method: 'POST', url: '/admin/dlq/retry-all' });
    expect(answer.statusCode).toBe(202);
    const { ok, operationId, total } = answer.json<{ ok: boolean; operationId: string; total: number }>();
    expect({ ok, total }).toEqual({ ok: true, total: 2 });
    const progress = async () => (await app.inject(get(`/v1/operations/${operationId}`))).json<object>();
    await expect.poll(progress).toMatchObject({ ok: true, id: operationId, state: 'completed', total: 2, done: 2, failed: 0 });
    expect(shapes.operation.strict().safeParse(await progress()).error).toBeUndefined();
  });

  it('DELETE /admin/dlq/{jobId} discards one', async () => {
    const { app, dead } = await serve();
    expect((await app.inject({ method: 'DELETE', url: '/admin/dlq/job_cnv_1_1' })).json()).toEqual({ ok: true, jobId: 'job_cnv_1_1' });
    expect(dead.letters.size).toBe(1);
    expect((await app.inject({ method: 'DELETE', url: '/admin/dlq/job_cnv_1_1' })).statusCode).toBe(404);
  });

  it.each([undefined, {}, [], 'DELETE_ALL_DLQ_JOBS', { confirm: true }, { confirm: 'delete_all_dlq_jobs' }, { confirm: 'DELETE_ALL_DLQ_JOBS ' }])(
    'DELETE /admin/dlq with %j deletes nothing',
    async (payload) => {
      const { app, dead } = await serve();
      const body = payload === undefined ? {} : { payload: JSON.stringify(payload), headers: { 'content-type': 'application/json' } };
      const answer = await app.inject({ method: 'DELETE', url: '/admin/dlq', ...body });
      expect(answer.json()).toMatchObject({ status: 400, code: 'confirmation_required' });
      expect(dead.letters.size).toBe(2);
    },
  );

  it('DELETE /admin/dlq with the confirmation deletes all', async () => {
    const { app, dead } = await serve();
    const answer = await app.inject({ method: 'DELETE', url: '/admin/dlq', payload: { confirm: 'DELETE_ALL_DLQ_JOBS' } });
    expect(shapes.dlqPurged.strict().safeParse(answer.json()).error).toBeUndefined();
    expect(answer.json()).toMatchObject({ ok: true, purged: 2 });
    expect(dead.letters.size).toBe(0);
  });
});

describe('statistics routes', () => {
  it('GET /admin/stats', async () => {
    const { app } = await serve();
    const body = (await app.inject(get('/admin/stats'))).json();
    expect(shapes.adminStats.strict().safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({ ok: true, redis: false, queue: { waiting: 5, active: 2, completed: 1000, failed: 10, dlq: { counts: { waiting: 2 } } } });
  });

  it('GET /admin/governor/stats', async () => {
    const { app } = await serve();
    const body = (await app.inject(get('/admin/governor/stats'))).json();
    expect(shapes.governorStats.strict().safeParse(body).error).toBeUndefined();
    expect(body).toEqual({
      ok: true,
      config: { serviceHoursEnabled: false, rateLimitEnabled: true, dedupeEnabled: true },
      rateLimiter: {
        redisAvailable: false,
        memoryFallback: { ratesCount: 0, dedupesCount: 0 },
        config: { maxRequestsPerMinute: 10, dedupeWindowMs: 5_000 },
        redis: { activeRateLimitKeys: 0, activeDedupeKeys: 0 },
      },
      verdicts: { accepted: 7, duplicate: 2 },
    });
  });

  it('GET /chatwoot/stats', async () => {
    const { app } = await serve();
    const body = (await app.inject(get('/chatwoot/stats'))).json<{ queue: object }>();
    expect(shapes.chatwootStats.strict().safeParse(body).error).toBeUndefined();
    expect(Object.keys(body.queue)).toEqual(expect.arrayContaining(['waiting', 'active', 'completed', 'failed', 'delayed', 'paused']));
  });

  it('POST /chatwoot/queue/pause and resume, also in role api', async () => {
    const { app } = await serve({ operate: { engine: null } });
    const isPaused = async () => (await app.inject(get('/chatwoot/stats'))).json<{ queue: { paused: boolean } }>().queue.paused;
    expect((await app.inject({ method: 'POST', url: '/chatwoot/queue/pause' })).json()).toEqual({ ok: true, paused: true });
    expect(await isPaused()).toBe(true);
    expect((await app.inject({ method: 'POST', url: '/chatwoot/queue/resume' })).json()).toEqual({ ok: true, paused: false });
    expect(await isPaused()).toBe(false);
  });
});

describe('/v1', () => {
  it('GET /v1/messages/{id} tells the journey', async () => {
    const { app } = await serve();
    const body = (await app.inject(get('/v1/messages/msg_1'))).json<{ steps: { step: string }[] }>();
    expect(shapes.journey.strict().safeParse(body).error).toBeUndefined();
    expect(body.steps.map(({ step }) => step).at(-1)).toBe('ended');
    expect((await app.inject(get('/v1/messages/msg_9'))).json()).toMatchObject({ status: 404, code: 'message_unknown' });
  });

  it('GET /v1/conversations/{id}/messages', async () => {
    const { app } = await serve();
    const body = (await app.inject(get('/v1/conversations/cnv_1/messages?limit=5'))).json();
    expect(shapes.messages.strict().safeParse(body).error).toBeUndefined();
    expect(body).toMatchObject({ ok: true, count: 1 });
    expect((await app.inject(get('/v1/conversations/cnv_1/messages?limit=x'))).statusCode).toBe(400);
  });

  it('GET /v1/operations/{id} of an unknown one', async () => {
    const { app } = await serve();
    expect((await app.inject(get('/v1/operations/op_9'))).json()).toMatchObject({ status: 404, code: 'operation_unknown' });
  });
});

describe('Idempotency-Key', () => {
  const retry = (key: string, id = 'job_cnv_1_1') => ({ method: 'POST', url: `/admin/dlq/retry/${id}`, headers: { 'idempotency-key': key } }) as const;

  it('sends the first result again for ten minutes, and does the change once', async () => {
    const { app, dead, clock } = await serve();
    const first = await app.inject(retry('k1'));
    const again = await app.inject(retry('k1'));
    expect(again.statusCode).toBe(200);
    expect(again.body).toBe(first.body);
    expect(dead.calls).toHaveLength(1);
    clock.at += 10 * 60_000;
    expect((await app.inject(retry('k1'))).statusCode).toBe(409);
  });

  it('runs a change once when the same key comes twice at the same time', async () => {
    const { app, dead } = await serve();
    const [one, two] = await Promise.all([app.inject(retry('k1')), app.inject(retry('k1'))]);
    expect(one.body).toBe(two.body);
    expect(dead.calls).toHaveLength(1);
  });

  it('is refused for another request, and when it is empty or endless', async () => {
    const { app } = await serve();
    await app.inject(retry('k1'));
    expect((await app.inject(retry('k1', 'job_cnv_1_2'))).json()).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    expect((await app.inject(retry('x'.repeat(256)))).statusCode).toBe(400);
    expect((await app.inject(retry(''))).statusCode).toBe(400);
  });

  it('does not remember a failure', async () => {
    const { app, dead } = await serve();
    dead.fates.set(letter('cnv_1', 1).jobId, { kind: 'human_owns' });
    expect((await app.inject(retry('k1'))).statusCode).toBe(409);
    dead.fates.clear();
    expect((await app.inject(retry('k1'))).statusCode).toBe(200);
  });

  it('forgets the oldest of a thousand', async () => {
    const { app } = await serve();
    const key = (n: number) => ({ method: 'POST', url: '/chatwoot/queue/pause', headers: { 'idempotency-key': `k${n}` } }) as const;
    for (let n = 0; n < 1001; n++) await app.inject(key(n));
    const other = (n: number) => ({ ...key(n), url: '/chatwoot/queue/resume' });
    expect((await app.inject(other(0))).statusCode).toBe(200);
    expect((await app.inject(other(1000))).statusCode).toBe(422);
  });
});
