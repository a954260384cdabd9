import { describe, expect, it } from 'vitest';
import { Batches, type BatchOptions } from '../../src/limiters/batches.ts';
import { DenyCache } from '../../src/limiters/deny-cache.ts';
import type { LimitAsk, LimitDecision } from '../../src/domain/limit.ts';
import { manualClock } from '../support/manual-clock.ts';

/** A store that answers when it is told to. */
function scene(options: Partial<BatchOptions<string, string>> = {}) {
  const clock = manualClock();
  const calls: { asks: string[]; answer(): void; fail(error: Error): void }[] = [];
  const run = (asks: string[]): Promise<string[]> =>
    new Promise((resolve, reject) => {
      calls.push({ asks, answer: () => resolve(asks.map((ask) => ask.toUpperCase())), fail: reject });
    });
  const batches = new Batches<string, string>({ clock, timeoutMs: 25, maxBatch: 4, groupOf: () => '', run, ...options });
  /** Lets everything run that is ready. */
  const settle = (): Promise<void> => clock.advance(0);
  return { clock, calls, batches, settle, asked: () => calls.map(({ asks }) => asks.join('')) };
}

describe('natural batching', () => {
  it('sends together what waits while calls are on their way, two of them at the most, in order', async () => {
    const { batches, calls, settle, asked } = scene();
    const answers = [...'abcdefghijklm'].map((ask) => batches.add(ask));
    await settle();
    expect(asked()).toEqual(['abcd']);
    answers.push(batches.add('n'));
    await settle();
    expect(asked()).toEqual(['abcd', 'efgh']);
    calls[0]?.answer();
    await settle();
    expect(asked()).toEqual(['abcd', 'efgh', 'ijkl']);
    for (const n of [1, 2, 3]) {
      calls[n]?.answer();
      await settle();
    }
    expect((await Promise.all(answers)).join('')).toBe('ABCDEFGHIJKLMN');
  });

  it('makes a call of its own for each where that is asked for', async () => {
    const { batches, asked, settle } = scene({ maxBatch: 1 });
    for (const ask of 'abc') void batches.add(ask).catch(() => {});
    await settle();
    expect(asked()).toEqual(['a', 'b', 'c']);
  });

  it('never puts different groups into one call', async () => {
    const { batches, asked, settle } = scene({ groupOf: (ask) => (ask < 'c' ? 'low' : 'high') });
    for (const ask of 'acbd') void batches.add(ask).catch(() => {});
    await settle();
    expect(asked()).toEqual(['ab', 'cd']);
  });

  it('answers what became known meanwhile without asking', async () => {
    const known = new Map<string, string>();
    const { batches, calls, asked, settle } = scene({ maxBatch: 2, known: (ask) => known.get(ask) ?? null });
    const answers = [...'abcdxx'].map((ask) => batches.add(ask));
    await settle();
    known.set('x', 'known');
    void batches.add('e');
    await settle();
    calls[0]?.answer();
    calls[1]?.answer();
    await settle();
    expect(asked()).toEqual(['ab', 'cd', 'e']);
    expect(await answers[5]).toBe('known');
  });

  it('gives up on a call that does not end, without holding up the next, and ignores its late answer', async () => {
    const { batches, calls, asked, settle, clock } = scene();
    const first = batches.add('a');
    const told = expect(first).rejects.toMatchObject({ code: 'limiter_unavailable', message: expect.stringContaining('25 ms') as string });
    await settle();
    await clock.advance(25);
    await told;
    const second = batches.add('b');
    await settle();
    expect(asked()).toEqual(['a', 'b']);
    calls[0]?.answer();
    calls[1]?.answer();
    expect(await second).toBe('B');
  });

  it('counts the time from the asking, also for what never left', async () => {
    const { batches, settle, clock, asked } = scene({ maxBatch: 2 });
    const answers = [...'abcdef'].map((ask) => batches.add(ask));
    const told = Promise.all(answers.map((answer) => expect(answer).rejects.toMatchObject({ code: 'limiter_unavailable' })));
    await settle();
    await clock.advance(25);
    await told;
    expect(asked()).toEqual(['ab']);
  });

  it('tells all of a call why it failed', async () => {
    const { batches, calls, settle } = scene();
    const told = Promise.all([...'ab'].map((ask) => expect(batches.add(ask)).rejects.toThrow(/did not decide: READONLY/)));
    await settle();
    calls[0]?.fail(new Error('READONLY You can\'t write against a read only replica.'));
    await told;
  });
});

describe('the memory of denials', () => {
  const ask = (limit = 10, cost?: number): LimitAsk => ({ org: 'o', rules: [{ name: 'c', key: 'k', limit, windowMs: 1000 }], cost });
  const denied: LimitDecision = { allowed: false, count: 10, limit: 10, remaining: 0, resetAt: 5000, retryAfterMs: 400, source: 'redis', rule: 'c' };

  it('lasts as long as the denial, and counts down', async () => {
    const clock = manualClock();
    const cache = new DenyCache(clock);
    cache.note(ask(), denied, clock.monotonic());
    await clock.advance(150);
    expect(cache.find(ask())).toEqual({ ...denied, retryAfterMs: 250 });
    await clock.advance(250);
    expect(cache.find(ask())).toBe(null);
  });

  it('is of the very same ask only: other limits, costs, keys and rules are asked for anew', () => {
    const clock = manualClock();
    const cache = new DenyCache(clock);
    cache.note(ask(), denied, clock.monotonic());
    expect([cache.find(ask(11)), cache.find(ask(10, 2)), cache.find({ ...ask(), org: 'p' }), cache.find({ org: 'o', rules: [...ask().rules, { name: 'd', key: 'k', limit: 1, windowMs: 1 }] })]).toEqual([null, null, null, null]);
  });

  it('does not grow without end', () => {
    const clock = manualClock();
    const cache = new DenyCache(clock);
    for (let n = 0; n < 10_001; n++) cache.note({ ...ask(), org: `o${n}` }, denied, clock.monotonic());
    expect(cache.find({ ...ask(), org: 'o0' })).toBe(null);
    expect(cache.find({ ...ask(), org: 'o10000' })).not.toBe(null);
  });
});
