import { describe, expect, it } from 'vitest';
import { Gates } from '../../src/app/gates.ts';
import type { ResponderConfig } from '../../src/config/index.ts';
import { ResponderError } from '../../src/domain/errors.ts';
import type { ChannelId } from '../../src/domain/ids.ts';
import type { Gate } from '../../src/ports/gate.ts';
import { createRandom } from '../conformance/scene.ts';
import { openShop, type Shop } from './shop.ts';

const START = Date.parse('2026-03-06T12:00Z');
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
const model = (): ResponderConfig => ({ kind: 'model', model: 'm', baseUrl: 'https://api.example.com/v1', apiKey: 'key', system: null });

describe('while the other side is in trouble', () => {
  const gatesOf = (shop: Shop) => new Gates({ clock: shop.clock, random: createRandom(9), log, meter: shop.metrics, board: shop.store.breakers });

  it('a total outage: at most 1.2 calls for each message, nobody loses an attempt to an open breaker, and all are answered afterwards', async () => {
    let isDown = true;
    let calls = 0;
    let gate: Gate | null = null;
    await using shop = await openShop({
      startAt: START, concurrency: 8,
      policy: () => ({ askGate: gate }),
      respond: async () => {
        calls += 1;
        if (isDown) throw new ResponderError('model_http_503', 'down', { fault: 'provider' });
        return { text: 'answer' };
      },
    });
    gate = gatesOf(shop).responder(model());
    const ids = [];
    for (let n = 0; n < 60; n++) {
      ids.push(await shop.says(`m${n}`, `c${n}`));
      await shop.clock.advance(1_000);
    }
    await shop.clock.advance(300_000);
    expect(calls).toBeLessThanOrEqual(60 * 1.2);
    const jobs = await Promise.all(ids.map(async (id) => (await shop.store.reports.message(id))!.job!));
    expect(jobs.every(({ state, attempts }) => state !== 'dead' && attempts <= 2)).toBe(true);
    isDown = false;
    await shop.clock.advance(200_000);
    for (const id of ids) expect(await shop.ending(id)).toBe('answered/reply');
  });

  it('while it is open no slot is held: others are answered at once', async () => {
    let gate: Gate | null = null;
    await using shop = await openShop({
      startAt: START, concurrency: 2, channels: ['chn_a' as ChannelId, 'chn_b' as ChannelId],
      policy: (channel) => ({ askGate: channel.id === 'chn_a' ? gate : null }),
      respond: async ({ conversation }) => {
        if (conversation.channelId === 'chn_a') throw new ResponderError('model_unreachable', 'down', { fault: 'provider' });
        return { text: 'answer' };
      },
    });
    gate = gatesOf(shop).responder(model());
    for (let n = 0; n < 30; n++) await shop.says(`m${n}`, `c${n}`);
    await shop.clock.advance(3_000);
    const id = await shop.says('hello', 'other', { channel: 1 });
    expect(await shop.ending(id)).toBe('answered/reply');
    expect(await shop.metrics.text()).toMatch(/put_back_total\{gate="model api.example.com m #[0-9a-f]{8}",why="open"\} [1-9]/);
  });

  it('a platform that is down: no try is counted while its breaker is open, and the reply is shown once it is back', async () => {
    let isDown = true;
    let tries = 0;
    let gate: Gate | null = null;
    await using shop = await openShop({
      startAt: START, policy: () => ({ sendGate: gate as Gate }),
      send: async () => {
        tries += 1;
        return isDown ? { kind: 'refused_for_now', error: 'cannot be reached' } : { kind: 'sent', providerId: `p${tries}` };
      },
    });
    gate = gatesOf(shop).channel('chn_a' as ChannelId);
    const ids = [];
    for (let n = 0; n < 20; n++) ids.push(await shop.says(`m${n}`, `c${n}`));
    await shop.clock.advance(900_000);
    expect(tries).toBeLessThanOrEqual(60);
    isDown = false;
    await shop.clock.advance(200_000);
    for (const id of ids) expect(await shop.ending(id)).toBe('answered/reply');
    expect(shop.shown).toHaveLength(20);
  });

  it('a person who takes over while the platform is down is not waited for', async () => {
    let gate: Gate | null = null;
    await using shop = await openShop({ startAt: START, policy: () => ({ sendGate: gate as Gate }), send: async () => ({ kind: 'refused_for_now', error: 'down' }) });
    gate = gatesOf(shop).channel('chn_a' as ChannelId);
    const ids = [];
    for (let n = 0; n < 8; n++) ids.push(await shop.says(`m${n}`, `c${n}`));
    const last = ids.at(-1)!;
    await shop.clock.advance(10_000);
    const { conversationId } = (await shop.store.reports.message(last))!;
    const conversation = (await shop.store.conversations.get(conversationId))!;
    await shop.store.conversations.setOwner({ ...conversation, conversationId, owner: 'human', at: shop.clock.now() });
    await shop.engine.sweep();
    await shop.clock.advance(0);
    expect(await shop.ending(last)).toBe('handed_off/human_owns');
  });

  it('its last tries, which run alone in the process, hold nobody up while its breaker is open', async () => {
    const [down, well] = ['chn_a', 'chn_b'] as ChannelId[] as [ChannelId, ChannelId];
    let gate: Gate | null = null;
    const shop: Shop = await openShop({
      startAt: START, concurrency: 20, channels: [down, well], settings: { maxTries: 2 },
      policy: (channel) => (channel.id === down ? { sendGate: gate as Gate } : {}),
      send: async ({ conversation }) => (conversation.channelId === down ? { kind: 'refused_for_now', error: 'down' } : { kind: 'sent', providerId: null }),
      respond: async ({ messages }) => {
        if (messages[0]?.text === 'slow') await shop.clock.sleep(30_000);
        return { text: 'answer' };
      },
    });
    await using _ = shop;
    gate = gatesOf(shop).channel(down);
    for (let n = 0; n < 8; n++) await shop.says(`m${n}`, `c${n}`);
    await shop.clock.advance(2_000);
    await shop.says('slow', 'slow', { channel: 1 });
    await shop.clock.advance(4_000);
    const id = await shop.says('quick', 'quick', { channel: 1 });
    await shop.clock.advance(1_000);
    expect(await shop.ending(id)).toBe('answered/reply');
  });
});
