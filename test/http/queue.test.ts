import { describe, expect, it } from 'vitest';
import * as shapes from '../../src/http/shapes.ts';
import { fakeEngine } from '../operate/support.ts';
import { serve } from './support.ts';

const get = (url: string) => ({ method: 'GET', url }) as const;
const post = (url: string, payload?: object, headers: Record<string, string> = {}) => ({ method: 'POST', url, headers, ...(payload && { payload }) }) as const;

describe('/v1/queue', () => {
  it('shows what waits and what is paused', async () => {
    const { app } = await serve();
    await app.inject(post('/v1/queue/pause', { orgId: 'org_a' }));
    const body = (await app.inject(get('/v1/queue'))).json();
    expect(shapes.queueView.strict().safeParse(body).error).toBeUndefined();
    expect(body).toEqual({
      ok: true, waiting: 5, active: 2, delayed: 1, completed: 1000, failed: 10, oldestWaitingMs: 250, paused: false,
      pauses: [{ scope: 'org', orgId: 'org_a', since: 1_000_000 }],
    });
  });

  it.each([
    [undefined, { scope: 'all' }],
    [{}, { scope: 'all' }],
    [{ orgId: 'org_a' }, { scope: 'org', orgId: 'org_a' }],
    [{ channelId: 'chn_a' }, { scope: 'channel', channelId: 'chn_a' }],
  ])('pauses and resumes %j', async (payload, target) => {
    const { app } = await serve({ operate: { engine: null } });
    const pauses = async () => (await app.inject(get('/v1/queue'))).json<{ pauses: object[] }>().pauses;
    expect((await app.inject(post('/v1/queue/pause', payload))).json()).toEqual({ ok: true, changed: true, target });
    expect((await app.inject(post('/v1/queue/pause', payload))).json()).toMatchObject({ changed: false });
    expect(await pauses()).toMatchObject([target]);
    expect((await app.inject(post('/v1/queue/resume', payload))).json()).toEqual({ ok: true, changed: true, target });
    expect(await pauses()).toEqual([]);
  });

  it('lets this process look for work at once when something is resumed', async () => {
    const engine = fakeEngine();
    const { app } = await serve({ operate: { engine } });
    await app.inject(post('/v1/queue/pause'));
    expect(engine.sweep).not.toHaveBeenCalled();
    await app.inject(post('/v1/queue/resume'));
    expect(engine.sweep).toHaveBeenCalledOnce();
  });

  it.each(['pause', 'resume'])('%s of what nobody configured is a 404', async (verb) => {
    const { app } = await serve();
    expect((await app.inject(post(`/v1/queue/${verb}`, { orgId: 'org_z' }))).json()).toMatchObject({ status: 404, code: 'org_unknown' });
    expect((await app.inject(post(`/v1/queue/${verb}`, { channelId: 'chn_z' }))).json()).toMatchObject({ status: 404, code: 'channel_unknown' });
  });

  it('resumes what was paused and is no longer configured', async () => {
    const { app, controls } = await serve();
    await controls.pause({ scope: 'org', orgId: 'org_gone' as never });
    expect((await app.inject(post('/v1/queue/resume', { orgId: 'org_gone' }))).json()).toMatchObject({ ok: true, changed: true });
  });

  it.each([
    [{ orgId: 'a' }, 'body.orgId'],
    [{ orgId: 'org_a', channelId: 'chn_a' }, 'body.channelId'],
    [{ org: 'org_a' }, 'body'],
    [[], 'body'],
  ])('%j names the wrong field, and pauses nothing', async (payload, field) => {
    const { app } = await serve();
    expect((await app.inject(post('/v1/queue/pause', payload))).json()).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ field }] });
    expect((await app.inject(get('/v1/queue'))).json()).toMatchObject({ paused: false, pauses: [] });
  });

  it('a repeated Idempotency-Key gets the first answer', async () => {
    const { app } = await serve();
    const again = () => app.inject(post('/v1/queue/pause', { orgId: 'org_a' }, { 'idempotency-key': 'k' }));
    const first = await again();
    expect((await again()).body).toBe(first.body);
    expect(first.json()).toMatchObject({ changed: true });
  });

  it('/openapi.json says that the body may be left out', async () => {
    const { app } = await serve();
    const { paths } = (await app.inject(get('/openapi.json'))).json<{ paths: Record<string, { post: { requestBody: { required: boolean } } }> }>();
    expect(paths['/v1/queue/pause']?.post.requestBody.required).toBe(false);
  });
});
