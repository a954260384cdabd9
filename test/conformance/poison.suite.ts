import { describe, expect } from 'vitest';
import { cleanText } from '../../src/domain/message.ts';
import { ORG, on } from './scene.ts';
import type { Harness, Scene } from './scene.ts';

const POISON: [name: string, text: string][] = [
  ['a NUL', 'a\u0000b'],
  ['a lone high surrogate', 'a\ud800b'],
  ['a lone low surrogate', '\udc00'],
  ['a megabyte', 'ñ'.repeat(500_000)],
  ['nothing', ''],
  ['quotes and statements', `'; drop table message; --"\\`],
];

/** Whatever text a platform may carry: it is stored, and it never fails its neighbours in a batch. */
export function poisonSuite(harness: Harness): void {
  const test = on(harness);

  describe('texts of every kind', () => {
    for (const [name, text] of POISON) {
      test(`${name} is stored among many others, and comes back clean`, async (s) => {
        const all = await Promise.all(
          Array.from({ length: 64 }, (_, i) => s.store.mailbox.append(s.arrival({ text: i === 31 ? text : `fine ${i}`, conversation: `c${i % 8}` }))),
        );
        expect(all.every((each) => each.verdict === 'accepted')).toBe(true);
        expect(await textOf(s, all[31]!)).toBe(cleanText(text));
        expect(await textOf(s, all[32]!)).toBe('fine 32');
      });
    }

    test('in a name, an edit and a reply too', async (s) => {
      const poison = 'a\u0000\ud800';
      await s.arrive({ author: poison, externalId: 'x' });
      await s.store.mailbox.amend({
        orgId: ORG, channelId: 'chn_a' as never, conversationId: s.id('cnv'), messageId: s.id('msg'), conversation: 'c1', externalId: 'x', change: { kind: 'edit', text: poison },
      });
      const { lease } = await s.claimOne();
      const { messages } = await s.begin(lease, [1]);
      expect(messages).toMatchObject([{ author: cleanText(poison), text: cleanText(poison) }]);
      const turn = await s.plan(lease, [1], { parts: [poison] });
      await s.send(lease, turn!.id);
      expect((await s.store.mailbox.open(lease)).turn?.sends[0]?.text).toBe(cleanText(poison));
    });

    test('a command that cannot be executed fails alone', async (s) => {
      const bad = { kind: 'k', payload: { call: () => 1 }, orgId: ORG, laneId: s.id('lane') };
      const results = await Promise.allSettled([
        ...Array.from({ length: 20 }, () => s.store.mailbox.append(s.arrival())),
        s.store.ledger.recordSent({ turnId: 'turn_none' as never, part: 0, providerId: null }),
        s.store.mailbox.addJob(bad),
        ...Array.from({ length: 20 }, () => s.store.mailbox.append(s.arrival())),
      ]);
      expect(results.filter((each) => each.status === 'fulfilled').length).toBeGreaterThanOrEqual(40);
      expect((await s.claimOne({ only: [firstLane(results)] })).open.jobs.length).toBeGreaterThanOrEqual(40);
    });
  });
}

function firstLane(results: PromiseSettledResult<unknown>[]): Awaited<ReturnType<Scene['arrive']>>['laneId'] {
  const first = results[0];
  if (first?.status !== 'fulfilled') throw new Error('the first append failed');
  return (first.value as Awaited<ReturnType<Scene['arrive']>>).laneId;
}

async function textOf(s: Scene, of: Awaited<ReturnType<Scene['arrive']>>): Promise<string | undefined> {
  return (await s.store.reports.messages(of.conversationId, 100)).find((each) => each.id === of.messageId)?.text;
}
