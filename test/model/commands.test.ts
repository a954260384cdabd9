import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { createIds } from '../../src/domain/ids.ts';
import { openSqliteStore } from '../../src/stores/sqlite/index.ts';
import { createRandom, createTestClock } from '../conformance/scene.ts';
import { createMemoryStore } from './memory-store.ts';
import { anyCommand } from './twins/command.ts';
import type { Command } from './twins/command.ts';
import { Twins } from './twins/twins.ts';

/** `MODEL_COMMANDS=2000 npx vitest run test/model/commands.test.ts`: more and longer sequences. */
const RUNS = Number(process.env['MODEL_COMMANDS'] ?? 120);
const SEED = Number(process.env['MODEL_FIRST_SEED'] ?? 1);

/** Runs the same commands on both stores, in the same time. */
async function compare(commands: Command[]): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'chasqui-twins-'));
  const clock = createTestClock();
  const newId = createIds(clock, createRandom(3));
  const memory = createMemoryStore({ clock, newId: createIds(clock, createRandom(4)) });
  const sqlite = await openSqliteStore({ dataDir, clock, thread: false });
  try {
    const twins = new Twins({ memory, sqlite, clock, newId });
    for (const command of commands) await twins.run(command);
    await twins.compareAll();
  } finally {
    await sqlite.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

describe('SQLite does what the reference store does', () => {
  it(`in ${RUNS} sequences of commands`, async () => {
    const sequences = fc.array(anyCommand, { maxLength: 90, size: 'max' });
    await fc.assert(fc.asyncProperty(sequences, compare), { numRuns: RUNS, seed: SEED, endOnFailure: false });
  }, 600_000);
});
