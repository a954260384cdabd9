import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { createModelResponder } from '../../src/responders/model/index.ts';
import type { ModelOptions } from '../../src/responders/model/index.ts';
import type { Question } from '../../src/ports/responder.ts';
import { delta, done, event, fakeEndpoint, finish, refuse, stall, stream, usage } from './fake-endpoint.ts';
import type { FakeEndpoint, Play, Seen } from './fake-endpoint.ts';
import { manualClock } from './manual-clock.ts';
import { question, turnMessage } from './question.ts';

const KEY = 'sk-very-secret-key-1';
const asked = question(['SECRET-TEXT']);
const ok = stream(delta('Hel'), delta('lo'), finish('stop'), usage(7, 3), done);

interface Call {
  options?: Partial<ModelOptions>;
  question?: Question;
  clock?: Clock;
  signal?: AbortSignal;
}

const ask = (endpoint: FakeEndpoint, call: Call = {}) =>
  createModelResponder({ baseUrl: endpoint.baseUrl, apiKey: KEY, model: 'tiny', ...call.options }, { clock: call.clock ?? manualClock() }).respond(
    call.question ?? asked,
    call.signal ?? new AbortController().signal,
  );

async function failing(play: Play, call: Call = {}): Promise<Record<string, unknown>> {
  await using endpoint = await fakeEndpoint(play);
  const error: unknown = await ask(endpoint, call).then(() => null, (reason: unknown) => reason);
  expect(error).toMatchObject({ name: 'ResponderError' });
  expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/SECRET-TEXT|very-secret/);
  expect(endpoint.seen).toHaveLength(1);
  return error as Record<string, unknown>;
}

async function requestOf(call: Call): Promise<Seen> {
  await using endpoint = await fakeEndpoint(ok);
  await ask(endpoint, call);
  return endpoint.seen[0] as Seen;
}

describe('an answer', () => {
  it('is the whole text, with the model and the usage that the endpoint names', async () => {
    await using endpoint = await fakeEndpoint(ok);
    expect(await ask(endpoint)).toEqual({ text: 'Hello', model: 'tiny-2026', usage: { inputTokens: 7, outputTokens: 3 } });
  });

  it('has no usage when the endpoint gives none', async () => {
    await using endpoint = await fakeEndpoint(stream(delta('Hello'), finish('stop'), done));
    expect(await ask(endpoint)).toEqual({ text: 'Hello', model: 'tiny-2026' });
  });

  it('is cleaned and trimmed', async () => {
    await using endpoint = await fakeEndpoint(stream(delta(' a\u0000b '), delta('\ud83d'), finish('stop'), done));
    expect((await ask(endpoint)).text).toBe('ab \ufffd');
  });

  it('may be a refusal, and may end in a word of the endpoint', async () => {
    const refusal = event({ choices: [{ index: 0, delta: { refusal: 'I cannot help with that.' } }] });
    await using refusing = await fakeEndpoint(stream(refusal, finish('stop'), done));
    expect((await ask(refusing)).text).toBe('I cannot help with that.');
    await using odd = await fakeEndpoint(stream(delta('Hello'), finish('eos_token'), done));
    expect((await ask(odd)).text).toBe('Hello');
  });

  it('leaves out what the model thought', async () => {
    const thought = event({ choices: [{ index: 0, delta: { reasoning_content: 'hmm' } }] });
    await using endpoint = await fakeEndpoint(stream(thought, delta('Hello'), finish('stop'), done));
    expect((await ask(endpoint)).text).toBe('Hello');
  });

  it('leaves no timer behind, and prints nothing', async () => {
    const clock = manualClock();
    const printed = (['log', 'warn', 'error'] as const).map((name) => vi.spyOn(console, name));
    await using endpoint = await fakeEndpoint(ok);
    await ask(endpoint, { clock });
    expect(clock.sleeping()).toEqual([]);
    await failing(refuse(500));
    for (const spy of printed) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });
});

describe('the request', () => {
  it('streams, asks for the usage, and carries the key', async () => {
    const { path, authorization, body } = await requestOf({});
    expect(path).toBe('/v1/chat/completions');
    expect(authorization).toBe(`Bearer ${KEY}`);
    expect(body).toMatchObject({ model: 'tiny', stream: true, stream_options: { include_usage: true } });
    expect(body).not.toHaveProperty('temperature');
    expect(body).not.toHaveProperty('max_tokens');
  });

  it('carries no key when there is none, and the settings when there are', async () => {
    const { authorization, body } = await requestOf({ options: { apiKey: undefined, temperature: 0, maxOutputTokens: 50, system: 'Be rude.' } });
    expect(authorization).toBeUndefined();
    expect(body).toMatchObject({ temperature: 0, max_tokens: 50 });
    expect(body.messages[0]).toEqual({ role: 'system', content: 'Be rude.' });
  });

  it('holds the past, then the messages of the turn, with a mention of each attachment', async () => {
    const image = turnMessage('look\u0000', { attachments: [{ type: 'image' }, { type: 'file', name: 'a.pdf' }] });
    const history = [{ role: 'user' as const, text: 'hi', at: 1 }, { role: 'assistant' as const, text: 'Hello!', at: 2 }];
    const { body } = await requestOf({ question: question([image, turnMessage('gone', { withdrawn: true }), '?'], { history, locale: 'es' }) });
    expect(body.messages[0]?.content).toContain('Spanish');
    expect(body.messages.slice(1)).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'Hello!' },
      { role: 'user', content: 'look\n[image]\n[file: a.pdf]' },
      { role: 'user', content: '?' },
    ]);
  });

  it('is not made when nothing is left to answer', async () => {
    await using endpoint = await fakeEndpoint(ok);
    expect(await ask(endpoint, { question: question([turnMessage('x', { withdrawn: true })]) })).toEqual({ text: '' });
    expect(endpoint.seen).toEqual([]);
  });

  it('survives a locale that is none', async () => {
    const { body } = await requestOf({ question: question(['x'], { locale: '!!' }) });
    expect(body.messages[0]?.content).toContain('English');
  });
});

describe('an endpoint that refuses', () => {
  it.each([
    ['2', 2_000],
    ['0.5', 500],
    ['Thu, 01 Jan 1970 00:01:40 GMT', 40_000],
    ['Thu, 01 Jan 1970 00:00:01 GMT', 0],
    ['999999999', 3_600_000],
    ['soon', 0],
  ])('429 with Retry-After: %s is rate limited for %d ms', async (header, retryAfterMs) => {
    expect(await failing(refuse(429, { 'retry-after': header }), { clock: manualClock(60_000) })).toMatchObject({ code: 'model_rate_limited', retryAfterMs });
  });

  it('may ask for milliseconds', async () => {
    expect(await failing(refuse(429, { 'retry-after-ms': '1500', 'retry-after': '2' }))).toMatchObject({ retryAfterMs: 1_500 });
  });

  it.each([
    [500, 'model_http_500'],
    [503, 'model_http_503'],
    [404, 'model_http_404'],
    [401, 'model_auth'],
    [403, 'model_auth'],
  ])('%d is %s, and is not tried again here', async (status, code) => {
    expect(await failing(refuse(status))).toMatchObject({ code, message: expect.stringContaining(`${status} (some_code)`) });
  });

  it('keeps the pause that a 503 asks for', async () => {
    expect(await failing(refuse(503, { 'retry-after': '3' }))).toMatchObject({ code: 'model_http_503', retryAfterMs: 3_000 });
  });

  it('may repeat a secret as its code: that is not passed on', async () => {
    expect(await failing(refuse(400, {}, KEY))).toMatchObject({ code: 'model_http_400' });
  });

  it('keeps its status when the body of the error never ends well', async () => {
    const html: Play = (response) => { response.writeHead(502); response.end('<html>'.repeat(1_000)); };
    expect(await failing(html, { options: { maxBytes: 10 } })).toMatchObject({ code: 'model_http_502' });
  });
});

describe('a stream that is no answer', () => {
  const cut: Play = (response) => { stall(delta('Hel'))(response, response.req); setImmediate(() => response.destroy()); };

  it.each<[string, Play, string]>([
    ['without text', stream(finish('stop'), done), 'model_empty'],
    ['of blanks', stream(delta(' \n'), finish('stop'), done), 'model_empty'],
    ['without events', stream(), 'model_bad_response'],
    ['that is not a stream', (response) => response.end('{"error":{"message":"SECRET-TEXT"}}'), 'model_bad_response'],
    ['that ends without a finish', stream(delta('Hel')), 'model_bad_response'],
    ['that says it is done without a finish', stream(delta('Hel'), done), 'model_bad_response'],
    ['whose connection breaks', cut, 'model_bad_response'],
    ['with JSON that is none', stream(delta('Hel'), event('{"SECRET-TEXT'), finish('stop'), done), 'model_bad_response'],
    ['with wrong types', stream(event({ choices: 'SECRET-TEXT' }), finish('stop'), done), 'model_bad_response'],
    ['with an error in it', stream(delta('Hel'), event({ error: { message: 'SECRET-TEXT', code: 'server_error' } }), finish('stop'), done), 'model_bad_response'],
    ['with only an error in it', stream(event({ error: { message: 'SECRET-TEXT' } }), done), 'model_bad_response'],
    ['with a limit in it', stream(event({ error: { message: 'SECRET-TEXT', code: 429 } }), done), 'model_rate_limited'],
    ['cut at the limit of tokens', stream(delta('Hel'), finish('length'), done), 'model_too_long'],
    ['cut by a filter', stream(delta('Hel'), finish('content_filter'), done), 'model_filtered'],
    ['that finishes with an error', stream(delta('Hel'), finish('error'), done), 'model_bad_response'],
    ['that calls a tool', stream(delta('Hel'), finish('tool_calls'), done), 'model_bad_response'],
  ])('%s', async (_, play, code) => {
    expect(await failing(play)).toMatchObject({ code });
  });

  it('that goes silent after an error is not waited for, and the connection let go', async () => {
    await using endpoint = await fakeEndpoint(stall(delta('Hel'), event({ error: { message: 'SECRET-TEXT' } })));
    await expect(ask(endpoint)).rejects.toMatchObject({ code: 'model_bad_response' });
    await endpoint.dropped;
  });

  it('names the code of an error in it', async () => {
    const play = stream(event({ error: { message: 'SECRET-TEXT', code: 'server_error' } }));
    expect(await failing(play)).toMatchObject({ message: 'the model reported an error in its stream (server_error)' });
  });

  it('that is too long is refused while it streams, and the connection let go', async () => {
    await using endpoint = await fakeEndpoint(stall(delta('á'.repeat(60))));
    await expect(ask(endpoint, { options: { maxBytes: 100 } })).rejects.toMatchObject({ code: 'model_too_long' });
    await endpoint.dropped;
  });

  it('just as long as allowed is an answer', async () => {
    await using endpoint = await fakeEndpoint(stream(delta('á'.repeat(50)), finish('stop'), done));
    expect((await ask(endpoint, { options: { maxBytes: 100 } })).text).toHaveLength(50);
  });

  it('with one event that never ends is refused', async () => {
    await using endpoint = await fakeEndpoint(stall(`data: ${'x'.repeat(20_000)}`));
    await expect(ask(endpoint, { options: { maxBytes: 100 } })).rejects.toMatchObject({ code: 'model_too_long' });
    await endpoint.dropped;
  });
});

describe('time', () => {
  it.each<[string, Play]>([
    ['no headers', () => undefined],
    ['headers and no text', stall()],
    ['headers and an empty chunk', stall(delta(''))],
    ['half an error', (response) => { response.writeHead(500); response.write('{'); }],
  ])('ends the wait for the first chunk: %s', async (_, play) => {
    const clock = manualClock();
    const requested = Promise.withResolvers<void>();
    await using endpoint = await fakeEndpoint((response, request) => { play(response, request); requested.resolve(); });
    const pending = ask(endpoint, { clock, options: { firstChunkMs: 1_234 } });
    await requested.promise;
    expect(clock.sleeping()).toEqual([1_234]);
    clock.ring();
    await expect(pending).rejects.toMatchObject({ code: 'model_timeout', message: 'the model sent nothing for 1234 ms' });
    await endpoint.dropped;
  });

  it('ends the wait for the first chunk on the real clock', async () => {
    expect(await failing(() => undefined, { clock: systemClock, options: { firstChunkMs: 50 } })).toMatchObject({ code: 'model_timeout' });
  });

  it('ends a silence in the middle', async () => {
    await using endpoint = await fakeEndpoint(stall(delta('Hel')));
    await expect(ask(endpoint, { options: { idleMs: 50 } })).rejects.toMatchObject({ code: 'model_timeout' });
    await endpoint.dropped;
  });

  it('ends the whole, however busy the stream', async () => {
    const chatty: Play = (response) => { stall()(response, response.req); const timer = setInterval(() => response.write(delta('x')), 5); response.on('close', () => clearInterval(timer)); };
    await using endpoint = await fakeEndpoint(chatty);
    await expect(ask(endpoint, { options: { totalMs: 80, idleMs: 5_000 } })).rejects.toMatchObject({ code: 'model_timeout' });
    await endpoint.dropped;
  });

  it('ends the whole before the headers too', async () => {
    expect(await failing(() => undefined, { options: { totalMs: 50 } })).toMatchObject({ code: 'model_timeout' });
  });
});

describe('the signal', () => {
  it.each<[string, Play]>([
    ['before the headers', () => undefined],
    ['in the middle', stall(delta('Hel'))],
  ])('stops the request %s', async (_, play) => {
    const stop = new AbortController();
    await using endpoint = await fakeEndpoint((response, request) => { play(response, request); stop.abort(new Error('SECRET-TEXT')); });
    await expect(ask(endpoint, { signal: stop.signal })).rejects.toMatchObject({ code: 'model_aborted', message: expect.not.stringContaining('SECRET') });
    await endpoint.dropped;
  });

  it('that fired already stops everything', async () => {
    await using endpoint = await fakeEndpoint(ok);
    await expect(ask(endpoint, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'model_aborted' });
    expect(endpoint.seen).toEqual([]);
  });

  it("that is the turn's deadline counts as one", async () => {
    const stop = new AbortController();
    await using endpoint = await fakeEndpoint(() => stop.abort(new DOMException('late', 'TimeoutError')));
    await expect(ask(endpoint, { signal: stop.signal })).rejects.toMatchObject({ code: 'model_timeout' });
  });
});

describe('an endpoint that is not there', () => {
  it('is unreachable, and the reason is named', async () => {
    const endpoint = await fakeEndpoint(ok);
    await endpoint[Symbol.asyncDispose]();
    await expect(ask(endpoint)).rejects.toMatchObject({ code: 'model_unreachable', message: expect.stringContaining('(ECONNREFUSED)') });
  });

  it('that hangs up without an answer is unreachable', async () => {
    expect(await failing((response) => response.destroy())).toMatchObject({ code: 'model_unreachable' });
  });
});

describe('options', () => {
  const make = (options: Partial<ModelOptions>) => () => createModelResponder({ baseUrl: 'http://x.test/v1', model: 'm', ...options }, { clock: manualClock() });

  it.each<[Partial<ModelOptions>, string]>([
    [{ baseUrl: 'nonsense' }, 'baseUrl is not'],
    [{ baseUrl: 'ftp://x.test' }, 'baseUrl is not'],
    [{ baseUrl: 'https://me:hunter2@x.test' }, 'baseUrl holds'],
    [{ model: '' }, 'model is empty'],
    [{ idleMs: 0 }, 'idleMs must be'],
    [{ totalMs: Number.NaN }, 'totalMs must be'],
    [{ maxBytes: 1.5 }, 'maxBytes must be'],
    [{ temperature: 3 }, 'temperature must be'],
  ])('%j are refused', (options, message) => {
    expect(make(options)).toThrow(expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(message) }));
    expect(make(options)).not.toThrow(/hunter2/);
  });

  it('that are undefined mean the default', () => {
    expect(make({ idleMs: undefined, temperature: undefined })).not.toThrow();
  });

  it('warm loads without asking', async () => {
    await using endpoint = await fakeEndpoint(ok);
    await createModelResponder({ baseUrl: endpoint.baseUrl, model: 'm' }, { clock: manualClock() }).warm();
    expect(endpoint.seen).toEqual([]);
  });
});
