import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desiredWorkers } from '../../src/domain/desired-workers.ts';
import type { Backlog, ScalingRules } from '../../src/domain/desired-workers.ts';

const RULES: ScalingRules = { min: 1, max: 10, maxWaitMs: 5_000, perWorker: 3 };
const IDLE: Backlog = { waiting: 0, active: 0, oldestWaitingMs: 0, serviceMs: 2_000 };

describe('the desired number of workers', () => {
  it.each<[string, Partial<Backlog>, Partial<ScalingRules>, number]>([
    ['nothing to do', {}, {}, 1],
    ['what is in hand keeps its workers', { active: 6 }, {}, 2],
    ['a new backlog: 60 turns of 2 s within 5 s', { waiting: 60 }, {}, 8],
    ['the same one after 4 s: within a quarter of the time', { waiting: 60, oldestWaitingMs: 4_000 }, { max: 1_000 }, 32],
    ['late already: no more than that', { waiting: 60, oldestWaitingMs: 3_600_000 }, { max: 1_000 }, 32],
    ['never more than the most', { waiting: 10_000 }, {}, 10],
    ['never less than the least', {}, { min: 2 }, 2],
    ['before the first turn ended a turn counts as 3 s', { waiting: 10, serviceMs: null }, {}, 2],
    ['larger workers', { waiting: 60 }, { perWorker: 24 }, 1],
  ])('%s', (_name, backlog, rules, expected) => {
    expect(desiredWorkers({ ...IDLE, ...backlog }, { ...RULES, ...rules })).toBe(expected);
  });

  it('more work, older work or slower turns never ask for fewer', () => {
    const backlogs = fc.record({ waiting: fc.nat(1_000), active: fc.nat(100), oldestWaitingMs: fc.nat(20_000), serviceMs: fc.nat(60_000) });
    fc.assert(
      fc.property(backlogs, backlogs, (a, more) => {
        const b = { waiting: a.waiting + more.waiting, active: a.active + more.active, oldestWaitingMs: a.oldestWaitingMs + more.oldestWaitingMs, serviceMs: a.serviceMs + more.serviceMs };
        const [few, many] = [desiredWorkers(a, RULES), desiredWorkers(b, RULES)];
        return few <= many && few >= RULES.min && many <= RULES.max;
      }),
    );
  });
});
