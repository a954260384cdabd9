import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextAutoscale, startAutoscale } from '../../src/domain/autoscale.ts';
import type { Autoscale, AutoscaleLimits, LoadLook } from '../../src/domain/autoscale.ts';

const LIMITS: AutoscaleLimits = { min: 3, max: 64, maxWaitMs: 1_000 };
const CALM: LoadLook = { active: 0, oldestWaitingMs: 0, loopUse: 0.1, memoryUse: 0.3 };
const BUSY: LoadLook = { active: 1_000, oldestWaitingMs: 60_000, loopUse: 0.1, memoryUse: 0.3 };

/** `fc.double` prefers numbers that are next to nothing. */
const fraction = (most: number, steps = 100) => fc.integer({ min: 0, max: steps }).map((n) => (n * most) / steps);

const looks = fc.record({
  active: fc.integer({ min: 0, max: 100 }),
  oldestWaitingMs: fc.integer({ min: 0, max: 10_000 }),
  loopUse: fraction(1),
  memoryUse: fraction(1),
});

function after(count: number, look: LoadLook, from: Autoscale, limits = LIMITS): Autoscale {
  let state = from;
  for (let n = 0; n < count; n++) state = nextAutoscale(state, look, limits);
  return state;
}

describe('one look', () => {
  it('never leaves the limits, also when these change', () => {
    const limits = fc.record({ min: fc.integer({ min: 1, max: 20 }), more: fc.integer({ min: 0, max: 100 }) }).map(({ min, more }) => ({ min, max: min + more, maxWaitMs: 1_000 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(looks, limits), { maxLength: 200 }), (rounds) => {
        let state = startAutoscale(3);
        for (const [look, within] of rounds) {
          state = nextAutoscale(state, look, within);
          if (state.concurrency < within.min || state.concurrency > within.max || !Number.isInteger(state.concurrency)) return false;
        }
        return true;
      }),
    );
  });

  it('goes up only when work waits for a slot, and the loop and the memory have room', () => {
    fc.assert(
      fc.property(fc.array(looks, { minLength: 1, maxLength: 200 }), (rounds) => {
        let state = startAutoscale(3);
        for (const look of rounds) {
          const next = nextAutoscale(state, look, LIMITS);
          const mayRise = look.active >= state.concurrency && look.oldestWaitingMs > LIMITS.maxWaitMs && look.loopUse < 0.7 && look.memoryUse < 0.75;
          if (next.concurrency > state.concurrency && !mayRise) return false;
          if (next.concurrency > state.concurrency * 2) return false;
          // As busy as that at the most, if turns cost what they cost now.
          if (next.concurrency > state.concurrency && (look.loopUse * next.concurrency) / state.concurrency > 0.801) return false;
          state = next;
        }
        return true;
      }),
    );
  });
});

describe('up and down', () => {
  it('up to the most within ten looks', () => {
    expect(after(10, BUSY, startAutoscale(3)).concurrency).toBe(64);
  });

  it('down by a tenth a minute, and to the least in the end', () => {
    const full = startAutoscale(64);
    expect(after(59, CALM, full).concurrency).toBe(64);
    expect(after(60, CALM, full).concurrency).toBe(57);
    expect(after(60 * 40, CALM, full).concurrency).toBe(3);
  });

  it('a strained loop takes a quarter away, and what was too many is not tried again for ten minutes', () => {
    const strained = after(3, { ...BUSY, loopUse: 0.99 }, startAutoscale(40));
    expect(strained.concurrency).toBe(30);
    expect(after(29, BUSY, strained).concurrency).toBe(30);
    expect(after(500, BUSY, strained).concurrency).toBe(39);
    expect(after(700, BUSY, strained).concurrency).toBe(64);
  });

  it('memory that runs out takes a quarter away, also when nothing waits', () => {
    expect(after(3, { ...CALM, memoryUse: 0.95 }, startAutoscale(40)).concurrency).toBe(30);
  });

  it('one strained look is no reason', () => {
    const look = { ...BUSY, loopUse: 0.99 };
    expect(after(2, look, startAutoscale(40)).concurrency).toBe(40);
  });
});

/** A process with a queue before it, a second at a time in steps of 100 ms. */
class SimulatedQueue {
  readonly #of: { perSecond: number; serviceMs: number; loopOfTurn: number; loopIdle: number };
  readonly #random: () => number;
  readonly #waiting: number[] = [];
  #running: number[] = [];
  #now = 0;
  #due = 0;

  constructor(of: { perSecond: number; serviceMs: number; loopOfTurn: number; loopIdle: number }, random: () => number) {
    this.#of = of;
    this.#random = random;
  }

  second(concurrency: number): LoadLook {
    let work = 0;
    for (let step = 0; step < 10; step++) {
      this.#now += 100;
      this.#due += this.#of.perSecond / 10;
      for (; this.#due >= 1; this.#due -= 1) this.#waiting.push(this.#now);
      this.#running = this.#running.filter((end) => end > this.#now);
      while (this.#running.length < concurrency && this.#waiting.length > 0) {
        this.#waiting.shift();
        this.#running.push(this.#now + this.#of.serviceMs * (0.5 + this.#random()));
      }
      work += this.#running.length / 10;
    }
    const oldest = this.#waiting[0];
    return {
      active: this.#running.length,
      oldestWaitingMs: oldest === undefined ? 0 : this.#now - oldest,
      loopUse: Math.min(1, this.#of.loopIdle + work * this.#of.loopOfTurn),
      memoryUse: Math.min(1, 0.3 + work * 0.002),
    };
  }
}

function lcg(seed: number): () => number {
  let x = seed >>> 0;
  return () => ((x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32);
}

const steady = fc.record({
  perSecond: fc.integer({ min: 1, max: 40 }),
  serviceMs: fc.integer({ min: 200, max: 4_000 }),
  loopOfTurn: fraction(0.05),
  loopIdle: fraction(0.3),
  seed: fc.nat(),
});

function history(of: { perSecond: number; serviceMs: number; loopOfTurn: number; loopIdle: number; seed: number }, seconds: number): { concurrency: number; look: LoadLook }[] {
  const queue = new SimulatedQueue(of, lcg(of.seed));
  let state = startAutoscale(3);
  return Array.from({ length: seconds }, () => {
    const look = queue.second(state.concurrency);
    state = nextAutoscale(state, look, LIMITS);
    return { concurrency: state.concurrency, look };
  });
}

/** How often it turned from up to down or back. */
function turns(numbers: number[]): number {
  const steps = numbers.slice(1).map((value, index) => Math.sign(value - (numbers[index] as number))).filter((step) => step !== 0);
  return steps.slice(1).filter((step, index) => step !== steps[index]).length;
}

describe('under a steady load', () => {
  it('does not go up and down', () => {
    fc.assert(
      fc.property(steady, (of) => {
        const settled = history(of, 1_200).slice(300).map(({ concurrency }) => concurrency);
        expect(turns(settled)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
  });

  it('nothing waits for long, where slots and loop suffice', () => {
    const bearable = steady.filter(({ perSecond, serviceMs, loopOfTurn, loopIdle }) => {
      const needed = (perSecond * serviceMs) / 1_000;
      return needed < 45 && loopIdle + needed * 1.3 * loopOfTurn < 0.55;
    });
    fc.assert(
      fc.property(bearable, (of) => {
        const late = history(of, 180).slice(120).filter(({ look }) => look.oldestWaitingMs > 2_000);
        expect(late).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
