import { describe, expect, it } from 'vitest';
import { Breaker } from '../../src/app/breaker.ts';
import { CallGate } from '../../src/app/gate.ts';
import { Gates } from '../../src/app/gates.ts';
import type { ResponderConfig } from '../../src/config/index.ts';
import { Bulkhead } from '../../src/domain/bulkhead.ts';
import type { ChannelId, OrgId } from '../../src/domain/ids.ts';
import type { BreakerBoard } from '../../src/ports/breaker-board.ts';
import type { CallResult, Entry, Gate } from '../../src/ports/gate.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { createRandom } from '../conformance/scene.ts';
import { createMemoryStore } from '../model/memory-store.ts';
import { manualClock } from '../support/manual-clock.ts';
import { createIds } from '../../src/domain/ids.ts';

const START = Date.parse('2026-03-06T12:00Z');
const A = 'org_a' as OrgId;
const B = 'org_b' as OrgId;
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

/** Several processes on one store, in one time. */
function fleet(processes = 1) {
  const clock = manualClock(START);
  const random = createRandom(5);
  const store = createMemoryStore({ clock, newId: createIds(clock, random) });
  const make = (board: BreakerBoard = store.breakers) => ({ clock, random, log, meter: createMetrics(), board });
  return { clock, random, store, make, gates: Array.from({ length: processes }, () => new Gates(make())) };
}

const model = (over: Partial<Extract<ResponderConfig, { kind: 'model' }>> = {}): ResponderConfig =>
  ({ kind: 'model', model: 'm', baseUrl: 'https://api.example.com/v1', apiKey: 'key', system: null, ...over });

async function call(gate: Gate, result: CallResult, who: { orgId?: OrgId; isRetry?: boolean } = {}): Promise<Entry['kind']> {
  const entry = await gate.enter({ orgId: who.orgId ?? A, isRetry: who.isRetry ?? false });
  if (entry.kind === 'go') entry.pass.leave(result);
  return entry.kind;
}
async function times(n: number, gate: Gate, result: CallResult): Promise<void> {
  for (let i = 0; i < n; i++) await call(gate, result);
}
const FAILED: CallResult = { kind: 'failed' };
const OK: CallResult = { kind: 'ok', units: 0 };

describe('a breaker', () => {
  const gateOf = ({ make }: ReturnType<typeof fleet>) => new CallGate('model x', make(), { isAdaptive: false });

  it('opens when most calls fail, and puts callers back', async () => {
    const gate = gateOf(fleet());
    await times(4, gate, FAILED);
    expect(gate.breaker.view.state).toBe('closed');
    await call(gate, FAILED);
    expect(gate.breaker.view.state).toBe('open');
    expect(await gate.enter({ orgId: A, isRetry: false })).toMatchObject({ kind: 'wait', why: 'open' });
  });

  it.each<[CallResult]>([[{ kind: 'limited', retryAfterMs: 0 }], [{ kind: 'refused' }], [{ kind: 'unused' }], [OK]])('never opens for %j', async (result) => {
    const gate = gateOf(fleet());
    await times(100, gate, result);
    expect(gate.breaker.view.state).toBe('closed');
  });

  it('a few failures among many answers open nothing', async () => {
    const gate = gateOf(fleet());
    for (let i = 0; i < 60; i++) await call(gate, i % 3 === 0 ? FAILED : OK);
    expect(gate.breaker.view.state).toBe('closed');
  });

  it('half open, one call finds out and the others are put back; its answer closes it', async () => {
    const f = fleet();
    const gate = gateOf(f);
    await times(5, gate, FAILED);
    await f.clock.advance(7_000);
    const entries = await Promise.all(Array.from({ length: 20 }, () => gate.enter({ orgId: A, isRetry: false })));
    const through = entries.filter((entry) => entry.kind === 'go');
    expect(through).toHaveLength(1);
    expect(gate.breaker.view.state).toBe('half_open');
    expect(entries.filter((entry) => entry.kind === 'wait' && entry.ms <= 1_200)).toHaveLength(19);
    if (through[0]?.kind === 'go') through[0].pass.leave(OK);
    expect(gate.breaker.view.state).toBe('closed');
    expect(await call(gate, OK)).toBe('go');
  });

  it('opens for longer each time the one call fails, up to a minute', async () => {
    const f = fleet();
    const gate = gateOf(f);
    await times(5, gate, FAILED);
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      const entry = await gate.enter({ orgId: A, isRetry: false });
      waits.push(entry.kind === 'wait' ? entry.ms : 0);
      await f.clock.advance(100_000);
      expect(await call(gate, FAILED)).toBe('go');
    }
    expect(waits[0]).toBeGreaterThanOrEqual(5_000);
    for (let i = 1; i < 4; i++) expect(waits[i]! / waits[i - 1]!).toBeGreaterThan(1.3);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000 * 1.2 * 1.2 + 1);
  });

  it('a call that was not made after all leaves the trying to the next one', async () => {
    const f = fleet();
    const gate = gateOf(f);
    await times(5, gate, FAILED);
    await f.clock.advance(7_000);
    expect(await call(gate, { kind: 'unused' })).toBe('go');
    await f.clock.advance(1);
    expect(await call(gate, OK)).toBe('go');
    expect(gate.breaker.view.state).toBe('closed');
  });

  it('thousands that wait for the one call come back a few hundred a second', async () => {
    const f = fleet();
    const gate = gateOf(f);
    await times(5, gate, FAILED);
    await f.clock.advance(7_000);
    await gate.enter({ orgId: A, isRetry: false });
    const comesAt = Array.from({ length: 3_000 }, () => 0);
    let asked = 0;
    for (let ms = 0; ms < 20_000; ms += 100) {
      for (const [n, at] of comesAt.entries()) {
        if (at > ms) continue;
        asked += 1;
        const entry = await gate.enter({ orgId: A, isRetry: false });
        comesAt[n] = ms + (entry.kind === 'wait' ? entry.ms : 0);
      }
      await f.clock.advance(100);
    }
    expect(asked).toBeLessThan(20 * 500);
    expect(Math.max(...comesAt)).toBeLessThan(20_000 + 21_000);
  });

  it('works without the others when the store cannot be asked', async () => {
    const f = fleet();
    const broken = async (): Promise<never> => {
      throw new Error('down');
    };
    const gate = new CallGate('x', f.make({ list: broken, open: broken, close: broken, probe: broken }), { isAdaptive: false });
    await times(5, gate, FAILED);
    await f.clock.advance(7_000);
    expect(await call(gate, OK)).toBe('go');
    expect(gate.breaker.view.state).toBe('closed');
  });
});

describe('breakers of several processes', () => {
  it('what one opens is open for all within a second, and what one closes closes', async () => {
    const f = fleet(3);
    const gates = f.gates.map((one) => one.responder(model()) as CallGate);
    const [first, second] = gates as [CallGate, CallGate];
    const sync = () => Promise.all(f.gates.map((one) => one.service().runOnce(new AbortController().signal)));
    expect(f.gates[0]!.service().intervalMs).toBeLessThan(1_000);
    await times(5, first, FAILED);
    await f.clock.advance(0);
    await sync();
    expect(gates.map((gate) => gate.breaker.view.state)).toEqual(['open', 'open', 'open']);
    await f.clock.advance(8_000);
    const entries = await Promise.all(gates.map((gate) => gate.enter({ orgId: A, isRetry: false })));
    expect(entries.filter((entry) => entry.kind === 'go')).toHaveLength(1);
    for (const entry of entries) if (entry.kind === 'go') entry.pass.leave(OK);
    await f.clock.advance(0);
    await sync();
    expect(gates.map((gate) => gate.breaker.view.state)).toEqual(['closed', 'closed', 'closed']);
    expect(await call(second, OK)).toBe('go');
  });

  it('what one has just closed is not opened again by another that has not heard of it yet', async () => {
    const f = fleet(3);
    const gates = f.gates.map((one) => one.responder(model()) as CallGate);
    const [first, second] = gates as [CallGate, CallGate];
    const sync = () => Promise.all(f.gates.map((one) => one.service().runOnce(new AbortController().signal)));
    await times(5, first, FAILED);
    await f.clock.advance(0);
    await sync();
    await f.clock.advance(8_000);
    expect(await call(first, OK)).toBe('go');
    await f.clock.advance(1);
    const entry = await second.enter({ orgId: A, isRetry: false });
    expect(entry.kind).toBe('go');
    await sync();
    expect(gates.map((gate) => gate.breaker.view.state)).toEqual(['closed', 'closed', 'closed']);
  });

  it('the key of one org opens nothing for another, and names tell no key', () => {
    const { gates } = fleet();
    const [one] = gates as [Gates];
    const names = [model(), model({ apiKey: 'other' }), model({ model: 'n' }), model({ baseUrl: 'https://b.example.com/v1' })].map((config) => one.responder(config)?.name);
    expect(new Set(names).size).toBe(4);
    expect(one.responder(model())).toBe(one.responder(model()));
    expect(names.join()).not.toContain('key');
    expect(one.channel('chn_a' as ChannelId)).not.toBe(one.channel('chn_b' as ChannelId));
    expect(one.responder({ kind: 'script' })).toBeNull();
  });

  it('a breaker that was never opened asks nobody', async () => {
    const f = fleet();
    let asked = 0;
    const breaker = new Breaker('x', f.make({ ...f.store.breakers, probe: async () => ((asked += 1), 'yours') }));
    for (let i = 0; i < 50; i++) await breaker.ask();
    expect(asked).toBe(0);
  });
});

describe('a bulkhead', () => {
  /** A gate whose limit is known: refused above ten. */
  async function full(f: ReturnType<typeof fleet>, orgId: OrgId): Promise<{ gate: CallGate; held: Extract<Entry, { kind: 'go' }>[] }> {
    const gate = new CallGate('m', f.make(), { isAdaptive: true });
    const held: Extract<Entry, { kind: 'go' }>[] = [];
    for (let i = 0; i < 10; i++) {
      const entry = await gate.enter({ orgId, isRetry: false });
      if (entry.kind === 'go') held.push(entry);
    }
    return { gate, held };
  }

  it('one org alone may have it all; who comes then is told when to come again, each later than the one before', async () => {
    const { gate, held } = await full(fleet(), A);
    expect(held).toHaveLength(10);
    const waits = [];
    for (let i = 0; i < 5; i++) {
      const entry = await gate.enter({ orgId: A, isRetry: false });
      waits.push(entry.kind === 'wait' ? entry.ms : -1);
    }
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits[4]).toBeGreaterThan(waits[0]!);
  });

  it('another org gets its part as places get free, however many of the first still want one', async () => {
    const f = fleet();
    const { gate, held } = await full(f, A);
    expect((await gate.enter({ orgId: B, isRetry: false })).kind).toBe('wait');
    let b = 0;
    for (let i = 0; i < 12; i++) {
      held.shift()?.pass.leave(OK);
      for (const orgId of [A, A, A, B]) {
        const entry = await gate.enter({ orgId, isRetry: false });
        if (entry.kind === 'go' && orgId === B) b += 1;
        if (entry.kind === 'go' && orgId === A) held.push(entry);
      }
    }
    expect(b).toBeGreaterThanOrEqual(5);
  });

  it.each([[1, 1], [1, 3], [2, 5], [10, 15]])('%i at once, one flood and %i others: nobody starves, and few places stay empty', (limit, others) => {
    const bulkhead = new Bulkhead();
    const callers = [...Array.from({ length: 200 }, () => 'flood'), ...Array.from({ length: others }, (_, n) => `org ${n}`)].map((org, at) => ({ org: org as OrgId, at, since: at }));
    const calls = new Set<{ org: OrgId; end: number }>();
    const served = new Map<OrgId, number>();
    let [longest, busy] = [0, 0];
    for (let now = 0; now < 60_000; now += 10) {
      for (const call of calls) if (call.end <= now && calls.delete(call)) bulkhead.leave(call.org, 1_000);
      busy += calls.size;
      for (const caller of callers.filter(({ at }) => at <= now)) {
        const inMs = bulkhead.enter(caller.org, limit, now);
        caller.at = now + inMs;
        if (inMs > 0) continue;
        calls.add({ org: caller.org, end: now + 1_000 });
        served.set(caller.org, (served.get(caller.org) ?? 0) + 1);
        if (caller.org !== 'flood') longest = Math.max(longest, now - caller.since);
        caller.at = caller.since = now + (caller.org === 'flood' ? 1_000 : 3_000);
      }
    }
    expect(served.size).toBe(others + 1);
    expect(longest).toBeLessThan(6_000);
    expect(busy / 6_000 / limit).toBeGreaterThan(0.65);
  });

  it('an org that no longer comes is waited for no longer', async () => {
    const f = fleet();
    const { gate, held } = await full(f, A);
    await gate.enter({ orgId: B, isRetry: false });
    held.pop()?.pass.leave(OK);
    expect((await gate.enter({ orgId: A, isRetry: false })).kind).toBe('wait');
    await f.clock.advance(7_000);
    expect((await gate.enter({ orgId: A, isRetry: false })).kind).toBe('go');
  });

  it('a provider that refuses again and again is left alone for as long as it asks', async () => {
    const f = fleet();
    const gate = new CallGate('m', f.make(), { isAdaptive: true });
    await times(3, gate, { kind: 'limited', retryAfterMs: 20_000 });
    expect(await gate.enter({ orgId: A, isRetry: false })).toMatchObject({ kind: 'wait', why: 'limited' });
    await f.clock.advance(20_000);
    expect(await call(gate, OK)).toBe('go');
  });
});
