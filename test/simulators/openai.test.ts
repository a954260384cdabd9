import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, streamText } from 'ai';
import type { LanguageModel } from 'ai';
import { afterEach, describe, expect, it } from 'vitest';
import { digestOf, startOpenAi, tagsIn } from '../../simulators/openai/index.ts';
import type { OpenAiOptions, OpenAiSim } from '../../simulators/openai/index.ts';
import { manualClock } from './manual-clock.ts';
import { until } from './until.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: OpenAiOptions = {}): Promise<{ sim: OpenAiSim; model: LanguageModel }> {
  const sim = await startOpenAi(options);
  closers.push(() => sim.close());
  const { OPENAI_BASE_URL: baseURL = '', OPENAI_API_KEY: apiKey, OPENAI_MODEL: name = '' } = sim.env();
  return { sim, model: createOpenAICompatible({ name: 'sim', baseURL, apiKey, includeUsage: true })(name) };
}

const ask = (model: LanguageModel, prompt: string, abortSignal?: AbortSignal) =>
  generateText({ model, prompt, maxRetries: 0, abortSignal });

async function stream(model: LanguageModel, prompt: string): Promise<{ text: string; chunks: number; error: unknown }> {
  let error: unknown = null;
  const result = streamText({ model, prompt, maxRetries: 0, onError: (event) => void (error = event.error) });
  let text = '';
  let chunks = 0;
  try {
    for await (const piece of result.textStream) {
      text += piece;
      chunks += 1;
    }
  } catch (thrown) {
    error = thrown;
  }
  return { text, chunks, error };
}

async function failureOf(asked: PromiseLike<unknown>): Promise<APICallError> {
  const error = await Promise.resolve(asked).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(APICallError.isInstance(error)).toBe(true);
  return error as APICallError;
}

describe('answers of the model simulator, asked through the AI SDK', () => {
  it('carry the tag of every input since the assistant last spoke, in order', async () => {
    const { sim, model } = await start();
    const { text, usage } = await generateText({
      model,
      maxRetries: 0,
      system: 'ignore [m:sys]',
      messages: [
        { role: 'user', content: 'old [m:1]' },
        { role: 'assistant', content: 'answered [m:1]' },
        { role: 'user', content: 'new [m:2] and [m:3]' },
        { role: 'user', content: [{ type: 'text', text: 'more [m:4]' }] },
      ],
    });
    expect(tagsIn(text)).toEqual(['[m:2]', '[m:3]', '[m:4]']);
    expect(usage.inputTokens).toBeGreaterThan(0);
    expect(usage.outputTokens).toBe(Math.ceil(text.length / 4));
    expect(sim.calls).toMatchObject([
      { inputs: ['new [m:2] and [m:3]', 'more [m:4]'], model: 'sim-chat', stream: false, outcome: 'answered' },
    ]);
  });

  it('carry a digest for a text without tags, and are the same every time', async () => {
    const { model } = await start();
    const first = await ask(model, 'hola');
    expect(first.text).toContain(digestOf('hola')[0]);
    expect(digestOf('hola')).not.toEqual(digestOf('adios'));
    expect((await ask(model, 'hola')).text).toBe(first.text);
  });

  it('stream in chunks, with usage, to the same text', async () => {
    const { sim, model } = await start();
    const whole = await ask(model, 'tell me [m:9]');
    const result = streamText({ model, prompt: 'tell me [m:9]', maxRetries: 0 });
    expect(await result.text).toBe(whole.text);
    expect((await result.usage).outputTokens).toBe(whole.usage.outputTokens);
    expect((await stream(model, 'tell me [m:9]')).chunks).toBeGreaterThan(3);
    expect(sim.calls.map((call) => call.stream)).toEqual([false, true, true]);
  });

  it('can be given', async () => {
    const { model } = await start({ respond: async ({ inputs }) => `I got ${inputs.length}` });
    expect((await ask(model, 'hola')).text).toBe('I got 1');
  });

  it('need the key', async () => {
    const { sim } = await start();
    const model = createOpenAICompatible({ name: 'sim', baseURL: sim.baseUrl, apiKey: 'wrong' })('sim-chat');
    expect((await failureOf(ask(model, 'hola'))).statusCode).toBe(401);
    expect(sim.calls).toEqual([]);
  });

  it('list the model, and refuse malformed requests', async () => {
    const { sim } = await start();
    const headers = { authorization: 'Bearer sim-openai-key' };
    const models = await (await fetch(`${sim.baseUrl}/models`, { headers })).json();
    expect(models).toMatchObject({ object: 'list', data: [{ id: 'sim-chat', object: 'model' }] });
    const post = async (body: string): Promise<number> =>
      (await fetch(`${sim.baseUrl}/chat/completions`, { method: 'POST', headers, body })).status;
    expect(await post('{')).toBe(400);
    expect(await post('{"model":"x","messages":[]}')).toBe(400);
    expect(await post('{"messages":[{"role":"user","content":"x"}]}')).toBe(400);
    expect((await fetch(`${sim.baseUrl}/embeddings`, { method: 'POST', headers })).status).toBe(404);
  });
});

describe('faults of the model simulator', () => {
  it('[fault:fail] fails for ever, [fault:fail2] twice, others not at all', async () => {
    const { sim, model } = await start();
    for (let n = 0; n < 3; n += 1) expect((await failureOf(ask(model, 'x [fault:fail]'))).statusCode).toBe(500);
    for (let n = 0; n < 2; n += 1) expect((await failureOf(ask(model, '[m:1] [fault:fail2]'))).statusCode).toBe(500);
    expect((await ask(model, '[m:1] [fault:fail2]')).text).toContain('[m:1]');
    expect((await failureOf(ask(model, '[m:2] [fault:fail2]'))).statusCode).toBe(500);
    expect((await ask(model, 'fine')).text).toContain(digestOf('fine')[0]);
    expect(sim.taggedCounts).toEqual({ fail: 6 });
  });

  it('a tag counts its own line, whatever else the call carries', async () => {
    const { model } = await start();
    expect((await failureOf(ask(model, '[m:1] [fault:fail1]\n[m:2]'))).statusCode).toBe(500);
    expect((await ask(model, '[m:1] [fault:fail1]')).text).toContain('[m:1]');
  });

  it('an answered text fails no further call', async () => {
    const { model } = await start();
    const messages = [
      { role: 'user' as const, content: '[fault:fail]' },
      { role: 'assistant' as const, content: 'Sorry.' },
      { role: 'user' as const, content: '[m:2]' },
    ];
    expect((await generateText({ model, messages, maxRetries: 0 })).text).toContain('[m:2]');
  });

  it('429 says when to come back: in seconds, as a date, or not at all', async () => {
    const clock = manualClock();
    const { sim, model } = await start({ clock });
    sim.faults.queue('chat', { kind: 'rate', retryAfterS: 20 }, { kind: 'rate', retryAfterS: 20, as: 'date' }, { kind: 'rate' });
    const headers: (string | undefined)[] = [];
    for (let n = 0; n < 3; n += 1) {
      const error = await failureOf(ask(model, 'hola'));
      expect(error.statusCode).toBe(429);
      headers.push(error.responseHeaders?.['retry-after']);
    }
    expect(headers).toEqual(['20', 'Thu, 01 Jan 2026 00:00:20 GMT', undefined]);
    expect(sim.calls.map(({ outcome }) => outcome)).toEqual(['rate', 'rate', 'rate']);
    expect(sim.faults.counts).toEqual({ rate: 3 });
  });

  it('hang answers nothing until the client leaves', async () => {
    const { sim, model } = await start();
    sim.faults.queue('chat', { kind: 'hang' });
    const client = new AbortController();
    const answer = ask(model, 'hola', client.signal);
    await until(() => sim.calls.length === 1);
    client.abort();
    await expect(answer).rejects.toThrow(/abort/i);
    expect(sim.calls[0]?.outcome).toBe('hang');
  });

  it('a client that leaves a slow answer is recorded', async () => {
    const clock = manualClock();
    const { sim, model } = await start({ clock });
    sim.faults.queue('chat', { kind: 'delay', ms: 300 }, { kind: 'delay', ms: 300 });
    const client = new AbortController();
    const left = ask(model, 'hola', client.signal);
    await until(() => clock.waiting === 1);
    client.abort();
    await expect(left).rejects.toThrow(/abort/i);
    await until(() => sim.calls[0]?.outcome === 'aborted');
    const waited = ask(model, 'hola');
    await until(() => clock.waiting === 2);
    clock.advance(300);
    expect((await waited).text).toContain(digestOf('hola')[0]);
  });

  it('drip streams chunk by chunk as the clock goes', async () => {
    const clock = manualClock();
    const { sim, model } = await start({ clock });
    sim.faults.queue('chat', { kind: 'drip', ms: 100 });
    const result = stream(model, 'hola');
    const started = clock.now();
    let done = false;
    void result.then(() => (done = true));
    await until(() => {
      if (clock.waiting > 0) clock.advance(100);
      return done;
    });
    expect((await result).text).toContain(digestOf('hola')[0]);
    expect(clock.now() - started).toBeGreaterThanOrEqual(500);
  });

  it('cut closes in the middle, streamed or not', async () => {
    const { sim, model } = await start();
    sim.faults.queue('chat', { kind: 'cut' }, { kind: 'cut' });
    await expect(ask(model, 'hola')).rejects.toThrow('Failed to process successful response');
    const cut = await stream(model, 'hola');
    expect(cut.error).not.toBeNull();
    expect(cut.text).toContain('Thanks');
    expect(cut.text).not.toContain('glad to help');
  });

  it('json is not JSON, empty is empty, huge is huge', async () => {
    const { sim, model } = await start();
    sim.faults.queue('chat', { kind: 'json' }, { kind: 'json' }, { kind: 'empty' }, { kind: 'huge', bytes: 2_000_000 });
    expect((await failureOf(ask(model, 'hola'))).message).toMatch(/JSON/);
    expect((await stream(model, 'hola')).error).not.toBeNull();
    expect((await ask(model, 'hola')).text).toBe('');
    expect((await stream(model, 'hola')).text.length).toBeGreaterThanOrEqual(2_000_000);
  });

  it('rates replay by seed', async () => {
    const outcomes = async (seed: number): Promise<string[]> => {
      const { sim, model } = await start({ faults: { seed, rates: { fail: 0.5 } } });
      for (let n = 0; n < 12; n += 1) await ask(model, `text ${n}`).then(undefined, () => null);
      return sim.calls.map(({ outcome }) => outcome);
    };
    const first = await outcomes(3);
    expect(await outcomes(3)).toEqual(first);
    expect(await outcomes(4)).not.toEqual(first);
    expect(new Set(first)).toEqual(new Set(['fail', 'answered']));
  });
});
