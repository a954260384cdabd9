import { clockJump, delayed, edit, giveBack, heal, message, purge, redelivery, redrive, takeover, withdraw } from './events.ts';
import type { Mutation } from './mutants.ts';
import type { Config } from './config.ts';

const two = [message('m1', 0), message('m2', 20_000)];
const burst = [message('m1', 0), message('m2', 1_000)];
const dead = [message('m1', 0), message('m2', 1_000)];
const poisonFail = { poison: { m1: 'fail' } } as const;
const healed = [...dead, heal(60_000, 'm1'), redrive(70_000)];
const calm: Config['without'] = ['crash', 'freeze', 'store', 'model', 'net', 'wake'];

/** How hard to look for the violation, when one deviation is not enough. */
export interface Scenario extends Config {
  /** Deviations of the exhaustive search. */
  depth?: number;
  /** Deviations and their rate of the search by chance. */
  budget?: number;
  rate?: number;
}

/** For each rule of the lane: circumstances in which its absence breaks the promise, and in which the promise otherwise holds. */
export const SCENARIOS: Record<Mutation, Scenario> = {
  fence: { events: two, capability: 'readback', parts: 2 },
  dedupe: { events: [message('m1', 0), redelivery('m1', 20_000)], capability: 'key' },
  sweep: { events: [message('m1', 0)], capability: 'key' },
  ackAfter: { events: [message('m1', 0)], capability: 'key' },
  park: { events: two, capability: 'key', without: ['crash', 'freeze'] },
  readyGate: { events: [message('m1', 0)], ...poisonFail, capability: 'key', retryAfterMs: 120_000 },
  seenFirst: { events: two, capability: 'key', without: ['freeze'] },
  heartbeat: { events: two, capability: 'key', slowModel: true },
  frozenTurn: { events: burst, capability: 'key' },
  storedWins: { events: burst, capability: 'readback', parts: 2 },
  fencePart: { events: [message('m1', 0), takeover(50_000)], capability: 'readback', parts: 2 },
  ownerEpoch: { events: [message('m1', 0), takeover(50_000), giveBack(50_010)], capability: 'key', slowModel: true },
  closeParts: { events: [message('m1', 0), takeover(50_000)], capability: 'readback', parts: 2 },
  preSend: { events: [message('m1', 0), takeover(50_000)], capability: 'readback' },
  settle: { events: [message('m1', 0)], capability: 'readback' },
  settleMono: { events: [message('m1', 0), clockJump(300_000, 3_600_000)], capability: 'readback', depth: 2 },
  keyWindow: { events: [message('m1', 0)], capability: 'key', restartMs: 120_000, processes: 1 },
  facts: { events: [message('m1', 0)], capability: 'none', policy: 'prefer_duplicate' },
  noApologyAfterReply: { events: [message('m1', 0)], capability: 'readback', parts: 2 },
  apologyLedger: { events: [message('m1', 0), takeover(50_000)], ...poisonFail, capability: 'key' },
  countSend: { events: [message('m1', 0)], poison: { m1: 'send' }, capability: 'readback' },
  handback: { events: [message('m1', 0)], capability: 'key', term: true, without: calm, budget: 6, rate: 0.5 },
  beginFirst: { events: [message('m1', 0), message('m2', 5_000)], poison: { m1: 'crash' }, capability: 'key' },
  redriveAppend: { events: healed, ...poisonFail, capability: 'key' },
  redriveOnce: { events: [...dead, heal(60_000, 'm1'), redrive(70_000), redrive(70_000, 'redrive again')], ...poisonFail, capability: 'key', faultUntil: 9e9 },
  redriveLedger: { events: [message('m1', 0), redrive(200_000)], capability: 'readback', parts: 2 },
  redriveReopen: { events: healed, ...poisonFail, capability: 'key' },
  promoteOnce: { events: [message('m1', 0), delayed(5_000, 10_000)], capability: 'key' },
  capDerived: { events: [message('m1', 0), message('m2', 30_000, { conversation: 'B' })], capability: 'key', orgCap: 1 },
  govInTx: { events: [message('m1', 0, { text: 'hola', duplicateWindowMs: 5_000 })], capability: 'key' },
  clockClamp: { events: [message('m1', 0), clockJump(100_000, -3_700_000)], capability: 'key' },
  ageClamp: { events: [message('m1', 0), message('m2', 300), clockJump(500, -3_700_000)], capability: 'readback', debounceMs: 700 },
  deferInLane: { events: [message('m1', 0, { deferMs: 29_000 }), message('m2', 28_000)], capability: 'key' },
  purgeKeepsId: { events: [...dead, heal(60_000, 'm1'), purge(70_000), redelivery('m1', 75_000)], ...poisonFail, capability: 'key' },
  ambigSticky: { events: [message('m1', 0)], capability: 'none', policy: 'prefer_duplicate', net: ['lostResponse', '403'], without: ['freeze', 'store', 'crash'], depth: 2 },
  isolate: { events: [message('m1', 0), message('m2', 0)], ...poisonFail, capability: 'key' },
  takeoverReady: { events: [message('m1', 0), takeover(5_000)], ...poisonFail, capability: 'key', retryAfterMs: 300_000, handoffWithinMs: 12_000, without: ['net'] },
  quarantine: { events: [message('m1', 0), message('b1', 500, { conversation: 'B' })], poison: { m1: 'crash' }, capability: 'key', processes: 1, slots: 2 },
  editUpdates: { events: [message('m1', 0), edit(20_000, 'm1')], capability: 'key' },
  tombstone: { events: [withdraw(0, 'm1'), message('m1', 40_000)], capability: 'key' },
};

/** As intake says it: the period began long ago. */
const CLOSED = { deferMs: 29_000, notice: { topic: 'outside_hours', since: 1, text: 'closed' } } as const;

/** Circumstances that no single rule stands for. */
export const MORE: Record<string, Scenario> = {
  'a takeover and a give-back while a request is on its way': {
    events: [message('m1', 0), takeover(50_000), giveBack(50_000), message('m2', 60_000)], capability: 'key', net: ['lateLanding'], faultUntil: 20_000,
  },
  'a takeover of what a dead process was sending': { events: [message('m1', 0), takeover(2_500)], poison: { m1: 'send' }, capability: 'key' },
  'no way to tell: silence': { events: two, capability: 'none', policy: 'prefer_silence', parts: 2 },
  'no way to tell: a double may be': { events: burst, capability: 'none', policy: 'prefer_duplicate' },
  'callers are put back': { events: [...burst, takeover(9_000), giveBack(20_000), message('m4', 30_000)], capability: 'readback', gates: true, parts: 2, handoffWithinMs: 12_000, without: ['model'] },
  'callers are put back, and what was sent is in doubt': { events: two, capability: 'key', gates: true, net: ['lostResponse'] },
  'outside hours: told once, and answered at the opening': {
    events: [message('m1', 0, CLOSED), message('m2', 400, CLOSED), takeover(15_000), giveBack(20_000)], capability: 'readback',
  },
  'one by one': { events: burst, capability: 'readback', strategy: 'queue' },
  'a withdrawn message among others': { events: [...burst, withdraw(1_500, 'm1')], capability: 'readback' },
  'two poisonous kinds': { events: [message('m1', 0), message('m2', 500), message('m3', 900)], poison: { m1: 'fail', m2: 'crash' }, capability: 'readback' },
  'a retry of what could not be delivered, taken over': {
    events: [message('m1', 0), redrive(60_000), takeover(61_000), giveBack(70_000), redrive(75_000, 'redrive again')], capability: 'readback', parts: 2, net: ['403'],
  },
};
