import { describe, expect, it } from 'vitest';
import { namedDraws, uuidFrom } from '../../simulators/chance.ts';
import { parseFaultRate, ratesFrom } from '../../simulators/fault-flags.ts';
import { createFaultPlan } from '../../simulators/fault-plan.ts';
import type { FaultPlan, FaultRates } from '../../simulators/fault-plan.ts';

interface Toy {
  kind: 'a' | 'b';
}

function plan(rates?: FaultRates<Toy>, seed = 1): FaultPlan<Toy> {
  return createFaultPlan<Toy>({ seed, rates, make: (kind) => ({ kind }), suits: () => true });
}

describe('a fault plan', () => {
  it('gives its queue first, by operation, and counts what it gave', () => {
    const faults = plan();
    faults.queue('read', { kind: 'a' }, { kind: 'b' });
    faults.queue('*', { kind: 'b' });
    expect(faults.next('write', 1)).toEqual({ kind: 'b' });
    expect([faults.next('read', 1), faults.next('read', 1), faults.next('read', 1)]).toEqual([{ kind: 'a' }, { kind: 'b' }, null]);
    expect(faults.counts).toEqual({ a: 1, b: 2 });
  });

  it('keeps its rates', () => {
    const faults = plan({ a: 0.2, b: 0.1 });
    for (let about = 0; about < 5000; about += 1) faults.next('read', about);
    expect((faults.counts.a ?? 0) / 5000).toBeCloseTo(0.2, 1);
    expect((faults.counts.b ?? 0) / 5000).toBeCloseTo(0.1, 1);
  });

  it('draws anew for every further occasion about the same thing', () => {
    const faults = plan({ a: 0.5 });
    const drawn = Array.from({ length: 40 }, () => faults.next('read', 1)?.kind ?? null);
    expect(new Set(drawn)).toEqual(new Set(['a', null]));
  });

  it('limits rates to some operations', () => {
    const faults = plan();
    faults.setRates({ a: 1 }, ['write']);
    expect([faults.next('read', 1), faults.next('write', 1)]).toEqual([null, { kind: 'a' }]);
  });

  it.each([[{ a: 1.2 }], [{ a: -0.1 }], [{ a: 0.6, b: 0.6 }], [{ a: Number.NaN }]])('refuses %j', (rates) => {
    expect(() => plan(rates)).toThrow(/between 0 and 1/);
  });
});

describe('named draws', () => {
  it('depend on seed and name alone, and are spread out', () => {
    const take = (seed: number, name: string): number[] => Array.from({ length: 3 }, namedDraws(seed, name));
    expect(take(1, 'x')).toEqual(take(1, 'x'));
    expect(take(2, 'x')).not.toEqual(take(1, 'x'));
    expect(take(1, 'y')).not.toEqual(take(1, 'x'));
    const firsts = Array.from({ length: 4000 }, (_, index) => namedDraws(9, `n:${index}`)());
    expect(firsts.reduce((sum, one) => sum + one, 0) / 4000).toBeCloseTo(0.5, 1);
    for (const quarter of [0, 1, 2, 3]) {
      const inside = firsts.filter((one) => Math.floor(one * 4) === quarter).length;
      expect(inside).toBeGreaterThan(850);
    }
  });

  it('make distinct UUIDs', () => {
    const draw = namedDraws(1, 'ids');
    const ids = Array.from({ length: 500 }, () => uuidFrom(draw));
    expect(new Set(ids).size).toBe(500);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('--fault', () => {
  it('takes place.kind=rate, or kind=rate where that is enough', () => {
    expect(parseFaultRate('rest.late_land=0.25')).toEqual({ place: 'rest', kind: 'late_land', rate: 0.25 });
    expect(parseFaultRate('drop=1')).toEqual({ place: 'webhook', kind: 'drop', rate: 1 });
    expect(parseFaultRate('delay=0.1')).toMatch(/rest\.delay or webhook\.delay or openai\.delay/);
    expect(parseFaultRate('rest.drop=0.1')).toMatch(/known: rest\.status/);
    expect(parseFaultRate('drop=2')).toMatch(/rate from 0 to 1/);
    expect(parseFaultRate('drop')).toMatch(/give kind=rate/);
  });

  it('sorts the rates by place', () => {
    const flags = ['drop=0.1', 'rest.hang=0.2', 'openai.hang=0.3', 'drop=0.4'].map((text) => parseFaultRate(text));
    expect(ratesFrom(flags.filter((flag) => typeof flag !== 'string'))).toEqual({
      rest: { hang: 0.2 },
      webhook: { drop: 0.4 },
      openai: { hang: 0.3 },
    });
  });
});
