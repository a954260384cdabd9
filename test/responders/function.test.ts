import { describe, expect, it } from 'vitest';
import { fromFunction } from '../../src/responders/function/index.ts';
import { question } from './question.ts';

const never = new AbortController().signal;

describe('fromFunction', () => {
  it('takes a string, now or later', async () => {
    const now = fromFunction('echo', ({ messages }) => messages.map(({ text }) => text).join(' '));
    const later = fromFunction('echo', async () => 'later');
    expect(now.name).toBe('echo');
    expect(await now.respond(question(['a', 'b']), never)).toEqual({ text: 'a b' });
    expect(await later.respond(question(['a']), never)).toEqual({ text: 'later' });
  });

  it('takes a whole answer, and cleans its text', async () => {
    const usage = { inputTokens: 1, outputTokens: 2 };
    const responder = fromFunction('f', () => ({ text: 'a\u0000b\ud800', model: 'm', usage }));
    expect(await responder.respond(question(['x']), never)).toEqual({ text: 'ab\ufffd', model: 'm', usage });
  });

  it.each([[undefined], [null], [7], [{}], [{ text: 7 }]])('refuses %j as an answer', async (value) => {
    const responder = fromFunction('f', () => value as unknown as string);
    await expect(responder.respond(question(['x']), never)).rejects.toMatchObject({ code: 'function_bad_answer' });
  });

  it('lets the error of the function through, thrown or rejected', async () => {
    const error = new Error('mine');
    const thrown = fromFunction('f', () => { throw error; });
    await expect(thrown.respond(question(['x']), never)).rejects.toBe(error);
    await expect(fromFunction('f', () => Promise.reject(error)).respond(question(['x']), never)).rejects.toBe(error);
  });

  it('hands the signal over, and does not wait for a function that ignores it', async () => {
    const stop = new AbortController();
    let given: AbortSignal | null = null;
    const responder = fromFunction('f', (_, signal) => { given = signal; return new Promise<string>(() => {}); });
    const pending = responder.respond(question(['x']), stop.signal);
    stop.abort(new Error('stopped'));
    await expect(pending).rejects.toThrow('stopped');
    expect(given).toBe(stop.signal);
  });

  it('does not call the function for a turn that is over', async () => {
    let calls = 0;
    const responder = fromFunction('f', () => { calls += 1; return 'x'; });
    await expect(responder.respond(question(['x']), AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
    expect(calls).toBe(0);
  });

  it('wants a name', () => {
    expect(() => fromFunction(' ', () => '')).toThrow('name is empty');
  });
});
