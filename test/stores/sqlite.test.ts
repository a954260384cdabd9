import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { openSqliteStore } from '../../src/stores/sqlite/index.ts';
import { poisonSuite } from '../conformance/poison.suite.ts';
import { raceSuite } from '../conformance/race.suite.ts';
import { createTestClock } from '../conformance/scene.ts';
import type { Opened, TestClock } from '../conformance/scene.ts';
import { storeSuite } from '../conformance/store.suite.ts';

async function open(clock: TestClock, thread: boolean): Promise<Opened> {
  const dataDir = await mkdtemp(join(tmpdir(), 'chasqui-store-'));
  const store = await openSqliteStore({ dataDir, clock, thread });
  const close = async (): Promise<void> => {
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { store, clock, close };
}

describe('the SQLite store', () => {
  storeSuite({ open: () => open(createTestClock(), false) });
});

/** The store thread runs on the machine's clock, so only what needs no moving time is asked of it here. */
describe('the SQLite store in its thread', () => {
  const harness = { open: () => open({ ...systemClock, advance: () => undefined }, true) };
  poisonSuite(harness);
  raceSuite(harness);
});
