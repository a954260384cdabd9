import { describe, expect } from 'vitest';
import { on } from './scene.ts';
import type { Harness } from './scene.ts';

/** What processes tell one another about breakers, on every store. */
export function breakersSuite(harness: Harness): void {
  const test = on(harness);

  describe('breakers', () => {
    test('what is open is listed with the time that is left, until it is closed', async (s) => {
      const { breakers } = s.store;
      expect(await breakers.list()).toEqual([]);
      await breakers.open('b', { forMs: 5_000, opened: 1 });
      await breakers.open('a', { forMs: 9_000, opened: 2 });
      s.advance(1_000);
      expect(await breakers.list()).toEqual([{ name: 'a', leftMs: 8_000, opened: 2 }, { name: 'b', leftMs: 4_000, opened: 1 }]);
      await breakers.close('a');
      await breakers.close('a');
      expect((await breakers.list()).map(({ name }) => name)).toEqual(['b']);
    });

    test('opened again, it is open for longer', async (s) => {
      await s.store.breakers.open('a', { forMs: 5_000, opened: 1 });
      await s.store.breakers.open('a', { forMs: 10_000, opened: 2 });
      expect(await s.store.breakers.list()).toEqual([{ name: 'a', leftMs: 10_000, opened: 2 }]);
    });

    test('one may try it when its time has come, and the next one when the first was given up', async (s) => {
      const { breakers } = s.store;
      await breakers.open('a', { forMs: 5_000, opened: 1 });
      expect(await breakers.probe('a', 60_000)).toBe('no');
      s.advance(5_000);
      const asked = await Promise.all(Array.from({ length: 10 }, () => breakers.probe('a', 60_000)));
      expect(asked.filter((answer) => answer === 'yours')).toHaveLength(1);
      s.advance(59_999);
      expect(await breakers.probe('a', 60_000)).toBe('no');
      s.advance(1);
      expect(await breakers.probe('a', 60_000)).toBe('yours');
    });

    test('opened by the one that tried, it can be tried anew', async (s) => {
      const { breakers } = s.store;
      await breakers.open('a', { forMs: 5_000, opened: 1 });
      s.advance(5_000);
      await breakers.probe('a', 60_000);
      await breakers.open('a', { forMs: 10_000, opened: 2 });
      s.advance(10_000);
      expect(await breakers.probe('a', 60_000)).toBe('yours');
    });

    test('one that was given up without a call can be tried at once', async (s) => {
      const { breakers } = s.store;
      await breakers.open('a', { forMs: 5_000, opened: 1 });
      s.advance(5_000);
      await breakers.probe('a', 60_000);
      await breakers.open('a', { forMs: 0, opened: 1 });
      expect(await breakers.probe('a', 60_000)).toBe('yours');
    });

    test('one that nobody says to be open is closed, and asking opens it for nobody', async (s) => {
      const { breakers } = s.store;
      expect(await breakers.probe('new', 1_000)).toBe('closed');
      await breakers.open('a', { forMs: 0, opened: 1 });
      await breakers.close('a');
      expect(await breakers.probe('a', 1_000)).toBe('closed');
      expect(await breakers.list()).toEqual([]);
    });
  });
}
