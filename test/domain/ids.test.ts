import { describe, expect, it } from 'vitest';
import { createIds, instantOf } from '../../src/domain/ids.ts';

describe('instantOf', () => {
  it.each([0, 1, 1_795_168_800_123, 32 ** 9 - 1])('tells when an id was made: %d', (at) => {
    const clock = { now: () => at, monotonic: () => at, sleep: async () => {} };
    const newId = createIds(clock, () => 0.999_999);
    expect([instantOf(newId('turn')), instantOf(newId('cnv'))]).toEqual([at, at]);
  });

  it.each(['', 'turn_1', 'turn_', 'turn_0123456780123456789i', 'turn_012345678012345678', 'turn_0123456780123456789a0', '01234567801234567890'])(
    'is null for what is no id: %j',
    (text) => {
      expect(instantOf(text)).toBeNull();
    },
  );
});
