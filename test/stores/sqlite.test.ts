import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { openSqliteStore } from '../../src/stores/sqlite/index.ts';
import { createTestClock } from '../conformance/scene.ts';
import type { Opened } from '../conformance/scene.ts';
import { storeSuite } from '../conformance/store.suite.ts';

async function open(): Promise<Opened> {
  const dataDir = await mkdtemp(join(tmpdir(), 'chasqui-store-'));
  const clock = createTestClock();
  const store = await openSqliteStore({ dataDir, clock, thread: false });
  const close = async (): Promise<void> => {
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { store, clock, close };
}

describe('the SQLite store', () => {
  storeSuite({ open });
});
