import { describe, expect } from 'vitest';
import type { ChannelId, ConversationId } from '../../src/domain/ids.ts';
import { laneOf } from '../../src/domain/ids.ts';
import { CHANNEL, LEASE_MS, on } from './scene.ts';
import type { Harness } from './scene.ts';

/** What ownership and catch-up's memory promise of every store. */
export function conversationsSuite(harness: Harness): void {
  const test = on(harness);

  describe('conversations.setOwner', () => {
    test('every change raises the epoch; no change does not', async (s) => {
      const { conversationId } = await s.arrive();
      expect(await s.owner('human', conversationId)).toEqual({ changed: true, laneId: laneOf(conversationId) });
      expect(await s.store.conversations.get(conversationId)).toMatchObject({ owner: 'human', ownerEpoch: 1, ownerSince: s.clock.now() });
      expect((await s.owner('human', conversationId)).changed).toBe(false);
      expect(await s.store.conversations.get(conversationId)).toMatchObject({ owner: 'human', ownerEpoch: 1 });
      expect((await s.owner('bot', conversationId)).changed).toBe(true);
      expect(await s.store.conversations.get(conversationId)).toMatchObject({ owner: 'bot', ownerEpoch: 2 });
    });

    test('a late webhook does not undo a newer change', async (s) => {
      const { conversationId } = await s.arrive();
      await s.owner('human', conversationId);
      const since = s.clock.now();
      s.advance(1_000);
      expect((await s.owner('bot', conversationId, { at: since - 1 })).changed).toBe(false);
      expect((await s.store.conversations.get(conversationId))?.owner).toBe('human');
      expect((await s.owner('bot', conversationId, { at: since })).changed).toBe(true);
    });

    test('what confirms the owner counts as known too: an older change does not undo it', async (s) => {
      const { conversationId } = await s.arrive();
      await s.owner('human', conversationId);
      s.advance(1_000);
      await s.owner('human', conversationId);
      expect((await s.owner('bot', conversationId, { at: s.clock.now() - 500 })).changed).toBe(false);
      expect((await s.owner('bot', conversationId)).changed).toBe(true);
    });

    test('makes a conversation that is new', async (s) => {
      const id = s.id('cnv');
      expect(await s.owner('human', id, { externalId: 'new' })).toEqual({ changed: true, laneId: laneOf(id) });
      expect(await s.store.conversations.find(CHANNEL, 'new')).toMatchObject({ id, owner: 'human', ownerEpoch: 1, doubt: false });
      expect((await s.arrive({ conversation: 'new' })).verdict).toBe('human_owns');
    });

    test('finds the conversation by the platform\'s id, whatever id was offered', async (s) => {
      const { conversationId } = await s.arrive();
      expect(await s.owner('human', s.id('cnv'))).toEqual({ changed: true, laneId: laneOf(conversationId) });
      expect((await s.store.conversations.get(conversationId))?.owner).toBe('human');
    });

    test('a waiting lane becomes ready at once', async (s) => {
      const { conversationId } = await s.arrive({ deferMs: 60_000 });
      expect((await s.claim()).claimed).toEqual([]);
      await s.owner('human', conversationId);
      expect((await s.claim()).claimed).toHaveLength(1);
    });

    test('a held lane stays held', async (s) => {
      const { conversationId } = await s.arrive();
      await s.claimOne();
      await s.owner('human', conversationId);
      expect((await s.claim({ owner: 'w2' })).claimed).toEqual([]);
      s.advance(LEASE_MS);
      expect((await s.claim({ owner: 'w2' })).claimed).toHaveLength(1);
    });
  });

  describe('conversations: the rest', () => {
    test('gets by id and finds by the platform\'s id', async (s) => {
      const { conversationId } = await s.arrive({ conversation: 'c9' });
      const found = await s.store.conversations.find(CHANNEL, 'c9');
      expect(found).toEqual(await s.store.conversations.get(conversationId));
      expect(found).toMatchObject({ id: conversationId, channelId: CHANNEL, externalId: 'c9' });
      expect(await s.store.conversations.find('chn_b' as ChannelId, 'c9')).toBe(null);
      expect(await s.store.conversations.get('cnv_none' as ConversationId)).toBe(null);
    });

    test('doubt is cleared by asking', async (s) => {
      const { conversationId } = await s.arrive({ doubt: true });
      await s.store.conversations.clearDoubt(conversationId);
      expect((await s.store.conversations.get(conversationId))?.doubt).toBe(false);
      await s.arrive({ doubt: false });
      expect((await s.store.conversations.get(conversationId))?.doubt).toBe(false);
    });

    test('says which messages of the platform are stored', async (s) => {
      await s.arrive({ externalId: 'x1' });
      await s.arrive({ externalId: 'x2', refused: 'unsupported' });
      expect((await s.store.conversations.known(CHANNEL, ['x1', 'x3', 'x2'])).sort()).toEqual(['x1', 'x2']);
      expect(await s.store.conversations.known('chn_b' as ChannelId, ['x1'])).toEqual([]);
      expect(await s.store.conversations.known(CHANNEL, [])).toEqual([]);
    });

    test('remembers how far catch-up has come, by channel', async (s) => {
      expect(await s.store.conversations.cursor(CHANNEL)).toBe(null);
      await s.store.conversations.setCursor(CHANNEL, 5);
      await s.store.conversations.setCursor(CHANNEL, 7);
      expect(await s.store.conversations.cursor(CHANNEL)).toBe(7);
      expect(await s.store.conversations.cursor('chn_b' as ChannelId)).toBe(null);
    });
  });
}
