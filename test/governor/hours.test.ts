import { describe, expect, it } from 'vitest';
import { ServiceHours, type ClosedPolicy } from '../../src/domain/hours.ts';
import { createIntake, type ChannelHours } from '../../src/intake/index.ts';
import type { IntakeDeps } from '../../src/intake/intake-deps.ts';
import type { Channel, RawDelivery, SendResult } from '../../src/ports/channel.ts';
import type { Arrival } from '../../src/ports/mailbox.ts';
import { openShop } from './shop.ts';

const HOUR = 3_600_000;
/** A Friday in Lima, 17:00. */
const FRIDAY_17 = Date.parse('2026-03-06T17:00-05:00');
const WEEKDAY = [{ start: 540, end: 1080 }];

function hoursOf(policy: ClosedPolicy, over: Partial<ChannelHours> = {}): ChannelHours {
  const weekly = [[], WEEKDAY, WEEKDAY, WEEKDAY, WEEKDAY, WEEKDAY, []];
  return { hours: new ServiceHours({ timeZone: 'America/Lima', weekly, holidays: new Set(), exceptions: new Map() }), policy, words: {}, locale: 'en', ...over };
}
const never = (policy: ClosedPolicy) =>
  hoursOf(policy, { hours: new ServiceHours({ timeZone: 'UTC', weekly: [], holidays: new Set(), exceptions: new Map() }) });

/** Lets time pass in steps that wake what is due. */
async function pass(shop: { clock: { advance(ms: number): Promise<void> } }, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 30 * 60_000) await shop.clock.advance(Math.min(left, 30 * 60_000));
}

describe('outside hours: defer', () => {
  it('says so once, answers at the opening, and all that waited as one', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17, hours: hoursOf('defer') });
    const early = await shop.says('before closing');
    expect(await shop.ending(early)).toBe('answered/reply');
    await pass(shop, 2 * HOUR);
    const ids = [];
    for (const text of ['hello', 'are you there?', 'I need help']) {
      ids.push(await shop.says(text));
      await pass(shop, HOUR);
    }
    expect(shop.shown.map(({ text }) => text)).toEqual(['answer', expect.stringMatching(/^Thank you.*Monday/)]);
    expect((await shop.journey(ids[0]!)).steps.find(({ step }) => step === 'verdict')?.reason).toBe('deferred');
    expect(await shop.ending(ids[0]!)).toBeNull();
    await pass(shop, 59 * HOUR - 60_000);
    expect(shop.asked).toHaveLength(1);
    await pass(shop, 2 * 60_000);
    expect(shop.asked).toEqual([['before closing'], ['hello', 'are you there?', 'I need help']]);
    for (const id of ids) expect(await shop.ending(id)).toBe('answered/reply');
  });

  it('says so at once, although the message itself waits', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('defer') });
    await shop.says('hello');
    await shop.clock.advance(10);
    expect(shop.shown).toHaveLength(1);
  });

  it('whoever writes too much meanwhile is not told to slow down at the opening', async () => {
    const said: (string | undefined)[] = [];
    const denied = { allowed: false, count: 1, limit: 1, remaining: 0, resetAt: 0, retryAfterMs: 1, source: 'memory', rule: 'conversation' } as const;
    const message = { externalId: 'x', conversation: 'c', author: 'ana', text: 'hello', attachments: [], sentAt: 0, locale: null };
    const channel = { id: 'chn_a', orgId: 'org_a', kind: 'test', verify: () => null, parse: () => [{ kind: 'message', message, refused: null, doubt: false }] } as unknown as Channel;
    const append = async ({ refused, notice }: Arrival) => {
      said.push(refused ?? undefined, notice?.topic);
      return { verdict: 'limited', wake: false, messageId: 'msg_1', laneId: 'cnv_1', conversationId: 'cnv_1' };
    };
    const intake = createIntake(
      {
        mailbox: { append }, conversations: { known: async () => [] }, limiter: { check: async () => denied }, newId: () => 'id', judged: () => undefined, wake: () => undefined,
        clock: { now: () => FRIDAY_17 + 2 * HOUR }, telemetry: { meter: { count: () => undefined } },
      } as unknown as IntakeDeps,
      { duplicateWindowMs: () => 0, debounceMs: () => 0, hours: () => hoursOf('defer'), limit: () => ({ perMinute: 1, locale: 'en' }) },
    );
    await intake.receive(channel, { receivedAt: 0 } as RawDelivery);
    expect(said).toEqual(['limited', 'outside_hours']);
  });

  it('a new closed period is announced again, and each conversation by itself', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('defer') });
    await shop.says('one');
    await shop.says('uno, por favor, gracias', 'c2');
    await pass(shop, 72 * HOUR);
    await shop.says('two');
    const notices = shop.shown.filter(({ text }) => text !== 'answer');
    expect(notices.map(({ conversation }) => conversation)).toEqual(['c1', 'c2', 'c1']);
    expect(notices[1]?.text).toMatch(/^Gracias/);
  });

  it('a message that comes right after the opening does not overtake those that waited', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('defer') });
    await shop.says('first');
    await pass(shop, 62 * HOUR);
    await shop.says('second');
    await pass(shop, 60_000);
    expect(shop.asked.flat()).toEqual(['first', 'second']);
  });

  it('two at once on the same conversation are told once', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('defer') });
    await Promise.all([shop.says('a'), shop.says('b'), shop.says('c')]);
    await pass(shop, HOUR);
    expect(shop.shown).toHaveLength(1);
  });

  it('the notice is tried again like any reply, and never told twice', async () => {
    const results: SendResult[] = [{ kind: 'refused_for_now', error: '503' }, { kind: 'sent', providerId: 'p' }];
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('defer'), send: async () => results.shift() ?? { kind: 'sent', providerId: 'q' } });
    await shop.says('a');
    expect(shop.shown).toHaveLength(0);
    await pass(shop, HOUR);
    expect(shop.shown).toHaveLength(1);
  });

  it('a person who takes over meanwhile ends the wait', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('defer') });
    const id = await shop.says('a');
    const { conversationId } = (await shop.store.reports.message(id))!;
    const conversation = (await shop.store.conversations.get(conversationId))!;
    await shop.store.conversations.setOwner({ ...conversation, conversationId, owner: 'human', at: shop.clock.now() });
    await shop.engine.sweep();
    await shop.clock.advance(0);
    expect(await shop.ending(id)).toBe('handed_off/human_owns');
  });

  it('conversations begin apart at the opening', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('defer'), concurrency: 50 });
    for (let n = 0; n < 20; n++) await shop.says(`m${n}`, `c${n}`);
    await pass(shop, 62 * HOUR);
    const times = [];
    for (let s = 0; s < 31; s++) {
      times.push(shop.asked.length);
      await shop.clock.advance(1_000);
    }
    expect(times[1]).toBeLessThan(10);
    expect(shop.asked).toHaveLength(20);
  });

  it('where nothing opens any more a message ends at once', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17, hours: never('defer') });
    const id = await shop.says('a');
    expect(await shop.ending(id)).toBe('suppressed/outside_hours');
    await shop.says('b');
    await pass(shop, 30 * HOUR);
    await shop.says('c');
    expect(shop.shown).toEqual([{ conversation: 'c1', text: 'Thank you for your message. We are closed at the moment.' }]);
  });
});

describe('outside hours: answer', () => {
  it('says so once and answers all the same, in that order', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('answer') });
    const id = await shop.says('a');
    await shop.says('b');
    expect(shop.shown.map(({ text }) => text)).toEqual([expect.stringContaining('automatic assistant'), 'answer', 'answer']);
    expect(await shop.ending(id)).toBe('answered/reply');
  });

  it('says nothing where the org wants nothing said', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('answer', { words: null }) });
    await shop.says('a');
    expect(shop.shown.map(({ text }) => text)).toEqual(['answer']);
  });
});

describe('outside hours: handoff', () => {
  it('says so, leaves the conversation to people, and keeps quiet', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('handoff') });
    const id = await shop.says('a');
    expect(await shop.ending(id)).toBe('handed_off/outside_hours');
    expect(shop.handedOver).toEqual([{ conversation: 'c1', note: expect.stringContaining('outside service hours') }]);
    const later = await shop.says('b');
    expect(await shop.ending(later)).toBe('suppressed/human_owns');
    expect(shop.shown.map(({ text }) => text)).toEqual([expect.stringContaining('Somebody will answer you then')]);
    expect(shop.asked).toEqual([]);
  });

  it('works without a platform that can hand over', async () => {
    await using shop = await openShop({ startAt: FRIDAY_17 + 2 * HOUR, hours: hoursOf('handoff'), handsOver: false });
    expect(await shop.ending(await shop.says('a'))).toBe('handed_off/outside_hours');
  });
});
