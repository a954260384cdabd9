import { describe, expect, it } from 'vitest';
import { loopSign } from '../../src/domain/bot-loop.ts';
import type { HistoryEntry } from '../../src/domain/turn.ts';
import { AppError } from '../../src/domain/errors.ts';
import { openShop, type Shop } from './shop.ts';

const START = Date.parse('2026-03-06T12:00Z');
const SECOND = 1_000;

/** A conversation as a script: who, how long after the one before, what. */
function talk(...lines: ['user' | 'assistant', number, string][]): { said: HistoryEntry[]; now: number } {
  let at = START;
  const said = lines.map(([role, afterMs, text]) => ({ role, text, at: (at += afterMs) }));
  return { said, now: at };
}
const signOf = ({ said, now }: ReturnType<typeof talk>) => loopSign(said, now);
const rounds = (n: number, round: (i: number) => ['user' | 'assistant', number, string][]) => talk(...Array.from({ length: n }, (_, i) => round(i)).flat());

describe('signs of a loop', () => {
  it('our own words come back', () => {
    expect(signOf(rounds(3, (i) => [['assistant', 5_000, `This is our answer number ${i}`], ['user', 5_000, `this is  OUR answer number ${i}`]]))).toBe('echo');
    expect(signOf(rounds(2, (i) => [['assistant', 5_000, `This is our answer number ${i}`], ['user', 5_000, `This is our answer number ${i}`]]))).toBeNull();
  });

  it('the same words follow each reply', () => {
    expect(signOf(rounds(4, (i) => [['assistant', 5_000, `answer ${i}`], ['user', 5_000, 'Thank you for your message, we will get back to you.']]))).toBe('repetition');
    expect(signOf(rounds(6, () => [['assistant', 5_000, 'ok'], ['user', 5_000, 'ok']]))).toBe('repetition');
  });

  it('every reply is answered at once', () => {
    expect(signOf(rounds(20, (i) => [['assistant', 4_000, `a${i}`], ['user', 1_500, `u${i}`]]))).toBe('pace');
  });

  it('what is older than the window says nothing', () => {
    const { said, now } = rounds(4, (i) => [['assistant', 5_000, `answer ${i}`], ['user', 5_000, 'Thank you for your message, we will get back to you.']]);
    expect(loopSign(said, now + 600_000)).toBeNull();
  });

  it.each<[string, ReturnType<typeof talk>]>([
    ['a menu: the same digit again and again, with other answers', rounds(10, (i) => [['assistant', 5_000, `menu ${i}`], ['user', 6_000, '1']])],
    ['an impatient person who writes the same three times', rounds(3, () => [['assistant', 5_000, 'One moment, please.'], ['user', 5_000, 'where is my order? I am waiting for it']])],
    ['a person who quotes us twice', rounds(2, () => [['assistant', 5_000, 'Your order number is 123456'], ['user', 9_000, 'Your order number is 123456']])],
    ['a fast writer', rounds(20, (i) => [['assistant', 2_000, `a${i}`], ['user', i % 3 === 0 ? 2_000 : 4_500, `u${i}`]])],
    ['a long talk', rounds(30, (i) => [['assistant', 4_000, `a${i}`], ['user', 15_000, `u${i}`]])],
    ['greetings', talk(['user', 0, 'hola'], ['assistant', 2_000, 'hola'], ['user', 2_000, 'hola'], ['assistant', 2_000, 'hola'], ['user', 2_000, 'hola'])],
  ])('none in %s', (_, conversation) => {
    expect(signOf(conversation)).toBeNull();
  });
});

/** The other side answers whatever it is shown. */
async function answering(shop: Shop, reply: (text: string, n: number) => string, rules: { rounds: number; everyMs: number }): Promise<void> {
  let seen = 0;
  await shop.says('hello there, is anybody at home?');
  for (let n = 0; n < rules.rounds; n++) {
    await shop.clock.advance(rules.everyMs);
    const last = shop.shown.at(-1)?.text ?? '';
    if (shop.shown.length > seen) seen = shop.shown.length;
    await shop.says(reply(last, n));
  }
}

describe('two programs', () => {
  it('an echo is answered a few times, then not, and the journey says why', async () => {
    await using shop = await openShop({ startAt: START, respond: async ({ messages }) => ({ text: `You said: ${messages.at(-1)?.text}, did you not?` }) });
    await answering(shop, (text) => text, { rounds: 30, everyMs: 6_000 });
    expect(shop.asked.length).toBeLessThanOrEqual(4);
    const last = await shop.says('You said: hello there, is anybody at home?, did you not?');
    expect(await shop.ending(last)).toBe('suppressed/bot_loop');
    expect((await shop.journey(last)).steps.at(-1)).toMatchObject({ step: 'ended', reason: 'bot_loop' });
    expect(await shop.metrics.text()).toContain('bot_loops_total{channel="test",sign="echo"}');
  });

  it('an automatic reply costs a few answers per ten minutes, for as long as it goes on', async () => {
    await using shop = await openShop({ startAt: START });
    await answering(shop, () => 'Thanks for writing! Our team will answer within two days.', { rounds: 360, everyMs: 10_000 });
    expect(shop.asked.length).toBeLessThanOrEqual(6 * 5);
  });

  it('a program with ever new words is stopped by its pace', async () => {
    await using shop = await openShop({ startAt: START, respond: async ({ messages }) => ({ text: `re: ${messages.at(-1)?.text}`.slice(-40) }) });
    await answering(shop, (_, n) => `question ${n} ${n * 7}`, { rounds: 200, everyMs: 2_000 });
    // 400 s are two windows.
    expect(shop.asked.length).toBeLessThanOrEqual(41);
  });

  it('a slow one with ever new words is stopped by its volume', async () => {
    let n = 0;
    await using shop = await openShop({ startAt: START, respond: async () => ({ text: `reply ${n++} of ours` }) });
    await answering(shop, (_, round) => `another question, number ${round}`, { rounds: 160, everyMs: 20_000 });
    expect(shop.asked.length).toBeLessThanOrEqual(61);
  });

  it('handoff: the conversation is left to people', async () => {
    await using shop = await openShop({ startAt: START, policy: () => ({ onLoop: 'handoff' }) });
    await answering(shop, () => 'Thanks for writing! Our team will answer within two days.', { rounds: 12, everyMs: 10_000 });
    expect(shop.handedOver).toEqual([{ conversation: 'c1', note: expect.stringContaining('automatic program') }]);
    expect(shop.asked.length).toBeLessThanOrEqual(5);
    expect(await shop.ending(await shop.says('still here'))).toBe('suppressed/human_owns');
  });

  it.each(['channel_auth', 'unreachable'])('handoff to a platform that cannot (%s): silence, not an apology that the program answers', async (code) => {
    const handOver = async (): Promise<never> => {
      throw new AppError(code, 'not now');
    };
    await using shop = await openShop({ startAt: START, policy: (channel) => ({ onLoop: 'handoff', channel: { ...channel, handOver } }) });
    await answering(shop, () => 'Thanks for writing! Our team will answer within two days.', { rounds: 12, everyMs: 30_000 });
    expect(shop.shown.length).toBeLessThanOrEqual(5);
    await shop.clock.advance(30_000);
    const id = await shop.says('Thanks for writing! Our team will answer within two days.');
    await shop.clock.advance(30_000);
    expect(await shop.ending(id)).toBe('suppressed/bot_loop');
  });

  it('answer: whoever wants the loop has it', async () => {
    await using shop = await openShop({ startAt: START, policy: () => ({ onLoop: 'answer' }) });
    await answering(shop, () => 'Thanks for writing! Our team will answer within two days.', { rounds: 12, everyMs: 10_000 });
    expect(shop.asked).toHaveLength(13);
  });

  it('another conversation of the same channel is not touched', async () => {
    await using shop = await openShop({ startAt: START });
    await answering(shop, () => 'Thanks for writing! Our team will answer within two days.', { rounds: 12, everyMs: 10_000 });
    expect(await shop.ending(await shop.says('a person', 'c2'))).toBe('answered/reply');
  });

  it('silence ends: a person in the same conversation is answered later', async () => {
    await using shop = await openShop({ startAt: START });
    await answering(shop, () => 'Thanks for writing! Our team will answer within two days.', { rounds: 12, everyMs: 10_000 });
    await shop.clock.advance(601 * SECOND);
    expect(await shop.ending(await shop.says('sorry, that was my absence note'))).toBe('answered/reply');
  });
});

describe('a flood', () => {
  it('a thousand messages at once cost a few turns, and each ends with a reason', async () => {
    await using shop = await openShop({ startAt: START });
    const ids = await Promise.all(Array.from({ length: 1_000 }, (_, n) => shop.says(`message number ${n}`)));
    await shop.clock.advance(60 * SECOND);
    const endings = await Promise.all(ids.map((id) => shop.ending(id)));
    const count = (ending: string) => endings.filter((one) => one === ending).length;
    expect(count('answered/reply') + count('suppressed/flooded')).toBe(1_000);
    expect(shop.asked.length).toBeLessThanOrEqual(21);
    expect(shop.asked.every((texts) => texts.length <= 50)).toBe(true);
  });

  it('a thousand while nobody answers fill the lane, and no more', async () => {
    await using shop = await openShop({ startAt: START, respond: () => new Promise(() => {}) });
    const ids = await Promise.all(Array.from({ length: 1_000 }, (_, n) => shop.says(`message number ${n}`)));
    const verdicts = await Promise.all(ids.map(async (id) => (await shop.store.reports.message(id))?.verdict));
    expect(verdicts.filter((verdict) => verdict === 'accepted')).toHaveLength(200);
    expect(verdicts.filter((verdict) => verdict === 'flooded')).toHaveLength(800);
    expect(await shop.ending(await shop.says('another contact', 'c2'))).toBeNull();
  });
});
