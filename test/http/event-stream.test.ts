import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { jobId } from '../../src/domain/ids.ts';
import type { LaneId, OrgId } from '../../src/domain/ids.ts';
import type { JobEvent } from '../../src/ports/events.ts';
import { serve } from './support.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

const LANE = 'lane_1' as LaneId;
const event = (change: object = {}): JobEvent => ({ type: 'completed', outcome: 'completed', jobId: jobId(LANE, 1), laneId: LANE, orgId: 'org_a' as OrgId, kind: 'report', at: 5, ...change }) as JobEvent;

async function open() {
  const room = await serve();
  const url = await room.http.listen();
  closing.push(() => room.http.close());
  return { ...room, url };
}

/** A client that keeps what it reads, like `curl -N`. */
async function follow(url: string, query = ''): Promise<{ text: () => string; ended: Promise<void>; response: IncomingMessage }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => void request(`${url}/v1/events${query}`, resolve).on('error', reject).end());
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<void>((resolve) => void response.once('close', resolve));
  return { text: () => text, ended, response };
}

describe('GET /v1/events', () => {
  it('tells what happens to jobs, as server-sent events', async () => {
    const { url, events } = await open();
    const { text, response } = await follow(url);
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    await expect.poll(text).toBe('retry: 1000\n\n');
    events.emit(event());
    events.emit(event({ type: 'progress', done: 3, total: 9, outcome: undefined }));
    await expect.poll(text).toContain('event: progress\n');
    const [, completed, progress] = text().split('\n\n');
    expect(completed).toBe(`event: completed\ndata: ${JSON.stringify(event())}`);
    expect(JSON.parse(progress?.split('data: ')[1] ?? '')).toMatchObject({ type: 'progress', jobId: 'job_lane_1_1', done: 3, total: 9 });
  });

  it('only the types and the org asked for', async () => {
    const { url, events } = await open();
    const { text } = await follow(url, '?types=dead,failed&org=a');
    await expect.poll(text).not.toBe('');
    events.emit(event());
    events.emit(event({ type: 'dead', reason: 'crashed', orgId: 'org_b' }));
    events.emit(event({ type: 'dead', reason: 'crashed' }));
    await expect.poll(() => text().match(/^event: .*$/gm)).toEqual(['event: dead']);
    expect(text()).toContain('"orgId":"org_a"');
  });

  it('refuses types that there are not', async () => {
    const { app } = await open();
    expect((await app.inject({ url: '/v1/events?types=completed,nonsense' })).json()).toMatchObject({ status: 400, code: 'invalid_request', errors: [{ field: 'querystring.types' }] });
  });

  it('wants the admin token', async () => {
    const { app } = await serve({ settings: { adminToken: 'topsecret' } });
    expect((await app.inject('/v1/events')).json()).toMatchObject({ status: 401, code: 'admin_token_invalid' });
  });

  it('says goodbye when the server closes', async () => {
    const { url, http } = await open();
    const { text, ended } = await follow(url);
    await expect.poll(text).not.toBe('');
    await http.close();
    await ended;
    expect(text().endsWith('event: end\ndata: {"reason":"stopping"}\n\n')).toBe(true);
  });

  it('cuts off a reader that does not keep up, with the reason as its last event; others go on', async () => {
    const { url, events, clock } = await open();
    const slow = await follow(url);
    const quick = await follow(url);
    await expect.poll(slow.text).not.toBe('');
    slow.response.pause();
    const long = event({ kind: 'k'.repeat(60_000) });
    // More than the buffers of both ends of a connection hold, beside our own bound.
    for (let i = 0; i < 200; i++) {
      events.emit(long);
      await new Promise((resolve) => void setImmediate(resolve));
    }
    slow.response.resume();
    await slow.ended;
    expect(slow.text().endsWith('event: end\ndata: {"reason":"too_slow"}\n\n')).toBe(true);
    await expect.poll(() => quick.text().match(/^event: completed$/gm)?.length).toBe(200);
    expect(clock.at).toBeGreaterThan(0);
  });

  it('a comment now and then keeps a quiet stream alive', async () => {
    const { url, clock } = await open();
    const { text } = await follow(url);
    await expect.poll(text).not.toBe('');
    clock.wakeAll();
    await expect.poll(text).toContain(': still here\n\n');
  });
});
