import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChannelId, LaneId, MessageId, OrgId } from '../../src/domain/ids.ts';
import { createIds } from '../../src/domain/ids.ts';
import { createLocalEngine } from '../../src/engines/local/index.ts';
import { createIntake } from '../../src/intake/index.ts';
import type { ChannelHours } from '../../src/intake/index.ts';
import { journeyOf, type Journey } from '../../src/operate/journey.ts';
import type { Channel, InboundEvent, OutgoingPart, SendResult } from '../../src/ports/channel.ts';
import type { Engine } from '../../src/ports/engine.ts';
import type { Gate } from '../../src/ports/gate.ts';
import type { Answer, Question } from '../../src/ports/responder.ts';
import type { Store } from '../../src/ports/store.ts';
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
export const openGate: Gate = { name: 'open', enter: async () => ({ kind: 'go', pass: { leave: () => undefined } }) };

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

export async function openShop(options: ShopOptions): Promise<Shop> {
  const dataDir = mkdtempSync(join(tmpdir(), 'chasqui-shop-'));
  const clock = manualClock(options.startAt);
  const store = await openSqliteStore({ dataDir, clock, thread: false });
  const newId = createIds(clock, createRandom(3));
  const metrics = createMetrics();
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const telemetry = { log, meter: metrics };
  const shown: Shop['shown'] = [];
  const asked: Shop['asked'] = [];
  const handedOver: Shop['handedOver'] = [];

  const respond = options.respond ?? (async () => ({ text: 'answer' }));
  const responder = {
    name: 'test',
    respond: (question: Question, signal: AbortSignal) => {
      asked.push(question.messages.map((message) => message.text));
      return respond(question, signal);
    },
  };
  const channelOf = (id: ChannelId): Channel => ({
    id, orgId: ORG, kind: 'test', resolution: { by: 'none', policy: 'prefer_silence' }, requestMs: 5_000, landingMs: 3_000,
    verify: () => null, parse: () => [], split: (text) => [text],
    send: async (part) => {
      const result = (await options.send?.(part)) ?? { kind: 'sent', providerId: `p-${part.key}` };
      if (result.kind === 'sent') shown.push({ conversation: part.conversation.externalId, text: part.text });
      return result;
    },
    ...(options.handsOver !== false && {
      handOver: async ({ externalId }: { externalId: string }, note: string) => void handedOver.push({ conversation: externalId, note }),
    }),
  });
  const channels = (options.channels ?? ['chn_a' as ChannelId]).map(channelOf);

  const concurrency = options.concurrency ?? 3;
  const engine = createLocalEngine(
    { mailbox: store.mailbox, clock, telemetry },
    { owner: 'test', concurrency, maxPerClaim: 100, leaseMs: SETTINGS.leaseMs, shares: () => ({ cap: 0, orgs: new Map() }) } as never,
  );
  const intake = createIntake(
    { ...store, newId, clock, telemetry, wake: (laneId) => engine.wake(laneId), judged: () => undefined },
    { duplicateWindowMs: () => 5_000, debounceMs: () => 0, hours: () => options.hours ?? null },
  );
  const deps = {
    ...store, clock, newId, telemetry, handler: () => undefined, jobs: store.jobs, examine: async () => {}, turnEnded: () => {}, wake: (laneId: LaneId) => engine.wake(laneId),
    events: { emit: () => {}, subscribe: () => ({ [Symbol.dispose]: () => {} }) },
    policy: (id: ChannelId) => {
      const channel = channels.find((one) => one.id === id) as Channel;
      return { channel, responder, strategy: 'coalesce', debounceMs: 0, debounceMaxMs: 4_000, locale: 'en', onLoop: 'silence', askGate: null, sendGate: openGate, ...options.policy?.(channel) } as TurnPolicy;
    },
  } as unknown as WorkDeps;
  engine.start(createWork(deps, { ...SETTINGS, ...options.settings }));

  let count = 0;
  async function says(text: string, conversation = 'c1', more: { author?: string; channel?: number } = {}): Promise<MessageId> {
    const n = ++count;
    const now = clock.now();
    const message = { externalId: `x${n}`, conversation, author: more.author ?? 'ana', text, attachments: [], sentAt: now, locale: null };
    const event: InboundEvent = { kind: 'message', message, refused: null, doubt: false };
    const { messageIds } = await intake.accept(channels[more.channel ?? 0] as Channel, [event], { receivedAt: now, verifiedAt: now });
    await clock.advance(0);
    return messageIds[0] as MessageId;
  }
  const journey = async (id: MessageId): Promise<Journey> => journeyOf((await store.reports.message(id))!);
  return {
    clock, store, engine, metrics, shown, asked, handedOver, says, journey,
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

