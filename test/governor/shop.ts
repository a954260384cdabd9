import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChannelId, MessageId, NewId, OrgId } from '../../src/domain/ids.ts';
import { createIds } from '../../src/domain/ids.ts';
import { createLocalEngine } from '../../src/engines/local/index.ts';
import { createIntake } from '../../src/intake/index.ts';
import type { ChannelHours } from '../../src/intake/index.ts';
import { journeyOf, type Journey } from '../../src/operate/journey.ts';
import type { Channel, InboundEvent, OutgoingPart, SendResult } from '../../src/ports/channel.ts';
import type { Engine } from '../../src/ports/engine.ts';
import type { Gate } from '../../src/ports/gate.ts';
import type { Answer, Question, Responder } from '../../src/ports/responder.ts';
import type { Store } from '../../src/ports/store.ts';
import type { Telemetry } from '../../src/ports/telemetry.ts';
import { createMemoryLimiter } from '../../src/limiters/memory/index.ts';
import { openSqliteStore } from '../../src/stores/sqlite/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { createWork, type TurnPolicy, type WorkDeps, type WorkSettings } from '../../src/work/index.ts';
import { createRandom } from '../conformance/scene.ts';
import { manualClock, type ManualClock } from '../support/manual-clock.ts';

const ORG = 'org_a' as OrgId;
const SETTINGS: WorkSettings = {
  leaseMs: 15_000, maxAttempts: 3, retryDelayMs: 1_000, maxCrashes: 3, maxTries: 4, patienceMs: 600_000, attemptMs: 60_000, respondMs: 45_000, history: 20,
  typing: { enabled: false, intervalMs: 3_000 },
};

/** Lets everybody through. */
export const openGate: Gate = { name: 'open', shutMs: () => 0, enter: async () => ({ kind: 'go', pass: { leave: () => undefined } }) };

export interface ShopOptions {
  startAt: number;
  hours?: ChannelHours;
  respond?: (question: Question, signal: AbortSignal) => Promise<Answer>;
  send?: (part: OutgoingPart) => Promise<SendResult>;
  /** False: the platform cannot hand over. */
  handsOver?: boolean;
  channels?: ChannelId[];
  policy?: (channel: Channel) => Partial<TurnPolicy>;
  settings?: Partial<WorkSettings>;
  concurrency?: number;
}

/** Intake, the SQLite store, the local engine and work, around a platform and a responder of the test's, in time that the test moves. */
export interface Shop extends AsyncDisposable {
  clock: ManualClock;
  store: Store;
  engine: Engine;
  metrics: ReturnType<typeof createMetrics>;
  /** What contacts were shown, in order. */
  shown: { conversation: string; text: string }[];
  /** Questions asked, each as its messages' texts. */
  asked: string[][];
  /** Conversations left to people, with the note. */
  handedOver: { conversation: string; note: string }[];
  /** A contact writes; resolves when it is stored. */
  says(text: string, conversation?: string, more?: { author?: string; channel?: number }): Promise<MessageId>;
  journey(id: MessageId): Promise<Journey>;
  /** `ending/reason` of a message, or null. */
  ending(id: MessageId): Promise<string | null>;
}

type Seen = Pick<Shop, 'shown' | 'asked' | 'handedOver'>;

const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };

function channelOf(id: ChannelId, options: ShopOptions, seen: Seen): Channel {
  const handOver: Channel['handOver'] = async ({ externalId }, note) => void seen.handedOver.push({ conversation: externalId, note });
  return {
    id, orgId: ORG, kind: 'test', resolution: { by: 'none', policy: 'prefer_silence' }, requestMs: 5_000, landingMs: 3_000,
    verify: () => null, parse: () => [], split: (text) => [text],
    send: async (part) => {
      const result = (await options.send?.(part)) ?? { kind: 'sent', providerId: `p-${part.key}` };
      if (result.kind === 'sent') seen.shown.push({ conversation: part.conversation.externalId, text: part.text });
      return result;
    },
    ...(options.handsOver !== false && { handOver }),
  };
}

function responderOf({ respond = async () => ({ text: 'answer' }) }: ShopOptions, seen: Seen): Responder {
  return {
    name: 'test',
    respond: (question, signal) => {
      seen.asked.push(question.messages.map((message) => message.text));
      return respond(question, signal);
    },
  };
}

/** What everything in the shop is made with. */
interface Base {
  options: ShopOptions;
  clock: ManualClock;
  store: Store;
  newId: NewId;
  telemetry: Telemetry;
  channels: Channel[];
}

function startEngine(base: Base, seen: Seen): Engine {
  const { options, clock, store, newId, telemetry, channels } = base;
  const { leaseMs } = SETTINGS;
  const engine = createLocalEngine(
    { mailbox: store.mailbox, clock, telemetry },
    { owner: 'test', concurrency: options.concurrency ?? 3, maxPerClaim: 100, leaseMs, shares: () => ({ cap: 0, orgs: new Map() }) },
  );
  const responder = responderOf(options, seen);
  const usual = { responder, strategy: 'coalesce', debounceMs: 0, debounceMaxMs: 4_000, locale: 'en', onLoop: 'silence', askGate: null, sendGate: openGate } as const;
  const deps: WorkDeps = {
    mailbox: store.mailbox, ledger: store.ledger, conversations: store.conversations, jobs: store.jobs, clock, newId, telemetry, handler: () => undefined,
    examine: async () => {}, turnEnded: () => {}, wake: (laneId) => engine.wake(laneId), events: { emit: () => {} },
    policy: (id) => {
      const channel = channels.find((one) => one.id === id) as Channel;
      return { channel, ...usual, ...options.policy?.(channel) };
    },
  };
  engine.start(createWork(deps, { ...SETTINGS, ...options.settings }));
  return engine;
}

function doorOf({ options, clock, store, newId, telemetry, channels }: Base, engine: Engine): Shop['says'] {
  const intake = createIntake(
    { ...store, limiter: createMemoryLimiter({ clock }), newId, clock, telemetry, wake: (laneId, inMs) => engine.wake(laneId, inMs), judged: () => undefined },
    { duplicateWindowMs: () => 5_000, debounceMs: () => 0, hours: () => options.hours ?? null, limit: () => null },
  );
  let count = 0;
  return async (text, conversation = 'c1', more = {}) => {
    const now = clock.now();
    const message = { externalId: `x${(count += 1)}`, conversation, author: more.author ?? 'ana', text, attachments: [], sentAt: now, locale: null };
    const event: InboundEvent = { kind: 'message', message, refused: null, doubt: false };
    const { messageIds } = await intake.accept(channels[more.channel ?? 0] as Channel, [event], { receivedAt: now, verifiedAt: now });
    await clock.advance(0);
    return messageIds[0] as MessageId;
  };
}

export async function openShop(options: ShopOptions): Promise<Shop> {
  const dataDir = mkdtempSync(join(tmpdir(), 'chasqui-shop-'));
  const clock = manualClock(options.startAt);
  const store = await openSqliteStore({ dataDir, clock, thread: false });
  const metrics = createMetrics();
  const seen: Seen = { shown: [], asked: [], handedOver: [] };
  const channels = (options.channels ?? ['chn_a' as ChannelId]).map((id) => channelOf(id, options, seen));
  const base: Base = { options, clock, store, newId: createIds(clock, createRandom(3)), telemetry: { log, meter: metrics }, channels };
  const engine = startEngine(base, seen);
  const journey = async (id: MessageId): Promise<Journey> => journeyOf((await store.reports.message(id))!);
  return {
    clock, store, engine, metrics, ...seen, says: doorOf(base, engine), journey,
    ending: async (id) => {
      const { ending } = await journey(id);
      return ending && `${ending.kind}/${ending.reason}`;
    },
    async [Symbol.asyncDispose]() {
      const stopped = engine.stop(0);
      await clock.advance(1_000);
      await stopped;
      await store.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
