import { createRandom } from '../../conformance/scene.ts';
import { clockJump, delayed, edit, giveBack, heal, message, purge, redelivery, redrive, takeover, withdraw } from './events.ts';
import type { Config } from './config.ts';

/** A configuration of everything that can be together, by its seed. */
export function mixture(seed: number): Config {
  const chance = createRandom(seed * 7_919 + 13);
  const pick = <T>(from: T[]): T => from[Math.floor(chance() * from.length)] as T;
  const odds = (p: number): boolean => chance() < p;
  const gap = pick([300, 1_500, 6_000, 25_000]);
  const poison = pick([null, null, null, 'fail', 'crash', 'send'] as const);
  const events = Array.from({ length: pick([1, 2, 3, 4]) }, (_, i) => message(`m${i + 1}`, i * gap));
  if (odds(0.4)) events.push(redelivery('m1', pick([100, 5_000, 40_000])));
  if (odds(0.4)) {
    events.push(takeover(pick([2_500, 10_000, 40_000])), message('m9', 60_000));
    if (odds(0.5)) events.push(giveBack(pick([12_000, 45_000])));
  }
  if (poison && odds(0.7)) events.push(heal(80_000, 'm1'), redrive(pick([30_000, 85_000])));
  if (odds(0.3)) events.push(redrive(pick([70_000, 85_000]), 'redrive again'));
  if (odds(0.1)) events.push(purge(90_000), redelivery('m1', 95_000));
  // A due time is believed as it was asked for, so a clock set back delays it: not together.
  const jumps = odds(0.25);
  if (jumps) events.push(clockJump(pick([3_000, 20_000]), pick([3_600_000, -3_700_000, 15_000, -15_000])));
  if (odds(0.15)) events.push(withdraw(pick([50, 900, 5_000]), pick(['m1', 'm2'])));
  if (odds(0.1)) events.push(edit(pick([50, 900, 5_000]), pick(['m1', 'm2'])));
  if (!jumps && odds(0.15)) events.push(delayed(1_000, pick([2_000, 20_000])));
  if (!jumps && odds(0.1)) events.push(message('d1', 400, { deferMs: 30_000 }));
  if (odds(0.2)) events.push(message('b1', gap, { conversation: 'B' }));
  return {
    events, capability: pick(['key', 'readback', 'none']), policy: pick(['prefer_silence', 'prefer_duplicate']), parts: pick([1, 1, 2, 3]),
    strategy: pick(['coalesce', 'queue']), processes: pick([1, 2, 3]), slots: pick([1, 1, 2]), orgCap: odds(0.2) ? 1 : 0, slowModel: odds(0.15),
    debounceMs: pick([0, 0, 700]), term: odds(0.3), poison: poison ? { m1: poison } : {},
  };
}
