import { describe } from 'vitest';
import { createIds } from '../../src/domain/ids.ts';
import { createRandom, createTestClock } from '../conformance/scene.ts';
import { storeSuite } from '../conformance/store.suite.ts';
import { createMemoryStore } from '../model/memory-store.ts';

describe('the reference store in memory', () => {
  storeSuite({
    open: async () => {
      const clock = createTestClock();
      const store = createMemoryStore({ clock, newId: createIds(clock, createRandom(1)) });
      return { store, clock, close: () => store.close() };
    },
  });
});
