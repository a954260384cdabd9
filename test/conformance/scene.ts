import { expect, it } from 'vitest';
import type { Clock } from '../../src/domain/clock.ts';
import type { ChannelId, ConversationId, LaneId, MessageId, NewId, OrgId, TurnId } from '../../src/domain/ids.ts';
import { createIds, laneOf } from '../../src/domain/ids.ts';
import type { Claimed, Lease } from '../../src/domain/lane.ts';
import type { Reply, StoredTurn } from '../../src/domain/turn.ts';
import type { Appended, Arrival, BeginRequest, ClaimRequest } from '../../src/ports/mailbox.ts';
import type { Store } from '../../src/ports/store.ts';

/** Time that only moves when told to. */
export interface TestClock extends Clock {
  /** Negative: the wall clock is set back; the monotonic one never is. */
  advance(ms: number): void;
}

export function createTestClock(start = 1_800_000_000_000): TestClock {
  let wall = start;
  let steady = 0;
  return {
    now: () => wall,
    monotonic: () => steady,
    sleep: async () => {},
    advance: (ms) => {
      wall += ms;
      steady += Math.max(ms, 0);
    },
  };
}

/** Reproducible chance. */
export function createRandom(seed: number): () => number {
  let x = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    x = (x ^ (x << 13)) >>> 0;
    x ^= x >>> 17;
    x = (x ^ (x << 5)) >>> 0;
    return x / 2 ** 32;
  };
}

/** A store under test, in time that the test moves. */
export interface Opened {
  store: Store;
  clock: TestClock;
  close(): Promise<void>;
}

export interface Harness {
  /** An empty store. */
  open(): Promise<Opened>;
}

export const LEASE_MS = 30_000;
export const ORG = 'org_a' as OrgId;
export const OTHER_ORG = 'org_b' as OrgId;
export const CHANNEL = 'chn_a' as ChannelId;
const BEGIN: Omit<BeginRequest, 'seqs'> = { maxAttempts: 3, maxCrashes: 3, history: 20 };

type Loose = Partial<Omit<Arrival, 'message'>> & Partial<Arrival['message']>;

/** What every test of a port does, in its own words. */
export class Scene {
  readonly store: Store;
  readonly clock: TestClock;
  readonly id: NewId;
  private count = 0;

  constructor(opened: Opened) {
    this.store = opened.store;
    this.clock = opened.clock;
    this.id = createIds(opened.clock, createRandom(7));
  }

  advance(ms: number): void {
    this.clock.advance(ms);
  }

  arrival(over: Loose = {}): Arrival {
    const n = ++this.count;
    const now = this.clock.now();
    const { externalId, conversation, author, text, attachments, sentAt, locale, ...rest } = over;
    return {
      orgId: ORG, channelId: CHANNEL, conversationId: this.id('cnv'), messageId: this.id('msg'), receivedAt: now, verifiedAt: now, refused: null,
      deferMs: 0, debounceMs: 0, duplicateWindowMs: 0, doubt: false, ...rest,
      message: {
        externalId: externalId ?? `x${n}`, conversation: conversation ?? 'c1', author: author ?? 'ana', text: text ?? `text ${n}`,
        attachments: attachments ?? [], sentAt: sentAt ?? now, locale: locale ?? null,
      },
    };
  }

  /** One message arrives, a moment after whatever was before. */
  async arrive(over: Loose = {}): Promise<Appended> {
    this.advance(1);
    return this.store.mailbox.append(this.arrival(over));
  }

  claim(over: Partial<ClaimRequest> = {}): ReturnType<Store['mailbox']['claim']> {
    return this.store.mailbox.claim({ owner: 'w1', limit: 10, leaseMs: LEASE_MS, share: { now: 0, cap: 0, orgs: [] }, ...over });
  }

  async claimOne(over: Partial<ClaimRequest> = {}): Promise<Claimed> {
    const { claimed } = await this.claim({ limit: 1, ...over });
    expect(claimed).toHaveLength(1);
    return claimed[0] as Claimed;
  }

  begin(lease: Lease, seqs: number[], over: Partial<BeginRequest> = {}): ReturnType<Store['mailbox']['begin']> {
    return this.store.mailbox.begin(lease, { ...BEGIN, seqs, ...over });
  }

  async plan(lease: Lease, seqs: number[], over: Partial<Reply> = {}): Promise<StoredTurn | null> {
    this.advance(1);
    const reply: Reply = { kind: 'answer', parts: ['hello'], responder: 'script', ...over };
    return this.store.ledger.plan(lease, { turnId: this.id('turn'), seqs, reply });
  }

  /** A message, claimed and begun, with its reply stored. */
  async planned(over: Partial<Reply> = {}): Promise<{ lease: Lease; turn: StoredTurn; appended: Appended }> {
    const appended = await this.arrive();
    const { lease } = await this.claimOne();
    await this.begin(lease, [1]);
    return { lease, turn: (await this.plan(lease, [1], over)) as StoredTurn, appended };
  }

  start(lease: Lease, turnId: TurnId, part = 0, maxTries = 3): ReturnType<Store['ledger']['startPart']> {
    return this.store.ledger.startPart(lease, { turnId, part, maxTries });
  }

  async send(lease: Lease, turnId: TurnId, part = 0): Promise<void> {
    expect(await this.start(lease, turnId, part)).toBe('go');
    this.advance(1);
    await this.store.ledger.recordSent({ turnId, part, providerId: `p-${turnId}-${part}` });
  }

  /** Answers one job from begin to settle. */
  async answer(lease: Lease, seqs: number[], parts = ['hello']): Promise<void> {
    await this.begin(lease, seqs);
    const turn = (await this.plan(lease, seqs, { parts })) as StoredTurn;
    for (const { part } of turn.sends) await this.send(lease, turn.id, part);
    expect(await this.store.ledger.settle(lease, turn.id)).toEqual({ ending: 'answered', reason: 'reply' });
  }

  owner(owner: 'bot' | 'human', conversation: ConversationId, over: { at?: number; externalId?: string } = {}): ReturnType<Store['conversations']['setOwner']> {
    this.advance(1);
    return this.store.conversations.setOwner({
      orgId: ORG, channelId: CHANNEL, conversationId: conversation, externalId: over.externalId ?? 'c1', owner, at: over.at ?? this.clock.now(),
    });
  }

  async sends(messageId: MessageId): Promise<{ state: string; tries: number; ambiguous: boolean }[]> {
    const record = await this.store.reports.message(messageId);
    return (record?.sends ?? []).map(({ state, tries, ambiguous }) => ({ state, tries, ambiguous }));
  }

  async ending(messageId: MessageId): Promise<string | null> {
    const record = await this.store.reports.message(messageId);
    return record?.ending ? `${record.ending}/${record.endingReason}` : null;
  }

  async job(messageId: MessageId): Promise<{ state: string; attempts: number; crashes: number } | null> {
    const job = (await this.store.reports.message(messageId))?.job;
    return job ? { state: job.state, attempts: job.attempts, crashes: job.crashes } : null;
  }

  lane(of: Appended): LaneId {
    return laneOf(of.conversationId);
  }

  /** Makes one dead letter in the conversation `c1`, or another. */
  async die(over: Loose = {}): Promise<Appended> {
    const appended = await this.arrive(over);
    const { lease, open } = await this.claimOne({ only: [appended.laneId] });
    const seq = open.jobs[0]?.seq as number;
    await this.begin(lease, [seq]);
    await this.store.mailbox.complete(lease, { seqs: [seq], outcome: { kind: 'dead', reason: 'attempts_exhausted', error: 'model down' } });
    await this.store.mailbox.release(lease, { parkMs: 0 });
    this.advance(1);
    return appended;
  }
}

/** One test on an empty store of its own. */
export function on(harness: Harness): (name: string, body: (scene: Scene) => Promise<void>) => void {
  return (name, body) => {
    it(name, async () => {
      const opened = await harness.open();
      try {
        await body(new Scene(opened));
      } finally {
        await opened.close();
      }
    });
  };
}
