import { expect } from 'vitest';
import type { ChannelId, ConversationId, JobId, MessageId, NewId, OrgId, TurnId } from '../../../src/domain/ids.ts';
import type { OpenJob, Outcome } from '../../../src/domain/job.ts';
import type { Claimed, Lease, OpenLane } from '../../../src/domain/lane.ts';
import type { StoredTurn } from '../../../src/domain/turn.ts';
import type { PauseTarget } from '../../../src/ports/controls.ts';
import type { PartEnd } from '../../../src/ports/ledger.ts';
import type { Appended, Arrival, Begun, ClaimResult } from '../../../src/ports/mailbox.ts';
import type { Store } from '../../../src/ports/store.ts';
import type { TestClock } from '../../conformance/scene.ts';
import type { Command } from './command.ts';

const ORG = 'org_a' as OrgId;
/** Where a conversation is: the last of them belongs to another org. */
const placeOf = (conversation: number): { orgId: OrgId; channelId: ChannelId } =>
  conversation === 2 ? { orgId: 'org_b' as OrgId, channelId: 'chn_b' as ChannelId } : { orgId: ORG, channelId: 'chn_a' as ChannelId };
const PAUSES: PauseTarget[] = [
  { scope: 'all' }, { scope: 'org', orgId: ORG }, { scope: 'channel', channelId: placeOf(0).channelId }, { scope: 'channel', channelId: placeOf(2).channelId },
];
const LEASE_MS = 30_000;
const MAX_TRIES = 2;
const LIMITS = { maxAttempts: 3, maxCrashes: 2, history: 6 };
const OUTCOMES: Record<'completed' | 'cancelled' | 'retry' | 'dead', Outcome> = {
  completed: { kind: 'completed' }, cancelled: { kind: 'cancelled', reason: 'no use' }, retry: { kind: 'retry', inMs: 1_000, error: 'later' },
  dead: { kind: 'dead', reason: 'handler_rejected', error: 'no' },
};
const ENDS: Record<'again' | 'failed' | 'unknown' | 'ambiguous', PartEnd> = {
  again: { state: 'planned', retryInMs: 2_000, error: '503' }, failed: { state: 'failed', reason: 'channel_auth', error: '403' },
  unknown: { state: 'unknown', error: 'gone' }, ambiguous: { state: 'ambiguous', error: 'timeout' },
};

type Ports = Pick<Store, 'mailbox' | 'ledger' | 'conversations' | 'deadLetters' | 'reports' | 'controls'>;
type Outcomes = { value: unknown } | { error: string };

/** Two stores that are asked the same and must answer the same. */
export class Twins {
  readonly #stores: [Ports, Ports];
  readonly #clock: TestClock;
  readonly #newId: NewId;
  readonly #messages = new Set<MessageId>();
  readonly #conversations = new Map<number, ConversationId>();
  #held: Lease[] = [];

  constructor(of: { memory: Ports; sqlite: Ports; clock: TestClock; newId: NewId }) {
    this.#stores = [of.memory, of.sqlite];
    this.#clock = of.clock;
    this.#newId = of.newId;
  }

  async run(command: Command): Promise<void> {
    this.#clock.advance(1);
    switch (command.do) {
      case 'wait':
        return this.#clock.advance(command.ms);
      case 'arrive':
        return this.#arrive(command);
      case 'amend':
        return this.#amend(command);
      case 'addJob':
        return this.#addJob(command);
      case 'claim':
        return this.#claim(command);
      case 'owner':
        return this.#owner(command);
      case 'pause':
      case 'resume':
        return void (await this.#both((store) => store.controls[command.do](PAUSES[command.target] as PauseTarget)));
      case 'retry':
      case 'discard':
        return this.#letter(command);
      case 'purge':
        return void (await this.#both((store) => store.deadLetters.purge(command.limit, Number.MAX_SAFE_INTEGER)));
      case 'turn':
      case 'attempt':
      case 'part':
      case 'end':
      case 'job':
      case 'release':
      case 'renew':
        return this.#worker(command);
    }
  }

  /** Everything that the ports show, at the end. */
  async compareAll(): Promise<void> {
    for (const id of this.#messages) await this.#both((store) => store.reports.message(id));
    for (const id of this.#conversations.values()) {
      await this.#both((store) => store.conversations.get(id));
      await this.#both(async (store) => (await store.reports.messages(id, 100)).filter((each) => each.direction === 'outbound' || this.#messages.has(each.id)).map(({ direction, text, ending }) => ({ direction, text, ending })));
    }
    await this.#both((store) => store.controls.pauses());
    await this.#both((store) => store.deadLetters.stats());
    await this.#both((store) => store.reports.oldestWaitingMs());
    await this.#both(async (store) => (await store.deadLetters.list({}, { limit: 100 })).jobs.sort((a, b) => (a.jobId < b.jobId ? -1 : 1)));
    await this.#both((store) => store.mailbox.claim({ owner: 'last', limit: 100, leaseMs: LEASE_MS, share: { now: 0, cap: 0, orgs: [] } }));
  }

  async #both<T>(ask: (store: Ports) => Promise<T>): Promise<T | undefined> {
    const [memory, sqlite] = (await Promise.all(this.#stores.map((store) => outcome(ask(store))))) as [Outcomes, Outcomes];
    expect(comparable(sqlite)).toEqual(comparable(memory));
    return 'value' in memory ? (memory.value as T) : undefined;
  }

  #conversation(n: number): ConversationId {
    const known = this.#conversations.get(n) ?? this.#newId('cnv');
    this.#conversations.set(n, known);
    return known;
  }

  async #arrive(c: Command & { do: 'arrive' }): Promise<void> {
    const now = this.#clock.now();
    const arrival: Arrival = {
      ...placeOf(c.conversation), conversationId: this.#conversation(c.conversation), messageId: this.#newId('msg'), receivedAt: now, verifiedAt: now,
      refused: c.refused, work: c.work, maxOpen: c.maxOpen, ...(c.noticeSinceMs !== null && { notice: { topic: 'limited' as const, since: now - c.noticeSinceMs, text: 'enough' } }),
      deferMs: c.deferMs, debounceMs: c.debounceMs, duplicateWindowMs: c.windowMs, doubt: false,
      message: {
        externalId: `x${c.external}`, conversation: `c${c.conversation}`, author: `a${c.author}`, text: `t${c.text}`, attachments: [], sentAt: now, locale: null,
      },
    };
    const appended = (await this.#both((store) => store.mailbox.append(arrival))) as Appended;
    this.#messages.add(appended.messageId);
  }

  async #amend(c: Command & { do: 'amend' }): Promise<void> {
    const change = c.text === null ? ({ kind: 'withdraw' } as const) : ({ kind: 'edit', text: `edited ${c.text}` } as const);
    const ids = { conversationId: this.#conversation(c.conversation), messageId: this.#newId('msg') };
    await this.#both((store) => store.mailbox.amend({ ...placeOf(c.conversation), ...ids, conversation: `c${c.conversation}`, externalId: `x${c.external}`, change }));
  }

  async #addJob(c: Command & { do: 'addJob' }): Promise<void> {
    const laneId = this.#newId('lane');
    // A conversation that nobody has written to yet has no lane to append to.
    const conversationId = c.conversation === null ? undefined : this.#conversations.get(c.conversation);
    if (c.conversation !== null && !(conversationId && (await this.#stores[0].conversations.get(conversationId)))) return;
    await this.#both((store) => store.mailbox.addJob({ kind: 'k', payload: { p: c.priority }, orgId: placeOf(c.conversation ?? 0).orgId, laneId, conversationId, inMs: c.inMs, priority: c.priority }));
  }

  async #claim(c: Command & { do: 'claim' }): Promise<void> {
    const result = (await this.#both((store) => store.mailbox.claim({ owner: `w${c.owner}`, limit: c.limit, leaseMs: LEASE_MS, share: { now: 1, cap: c.orgCap, orgs: c.of ? [{ orgId: ORG, ...c.of }] : [] } }))) as ClaimResult;
    this.#held = [...result.claimed.map((claimed: Claimed) => claimed.lease), ...this.#held].slice(0, 4);
  }

  async #owner(c: Command & { do: 'owner' }): Promise<void> {
    const change = { ...placeOf(c.conversation), conversationId: this.#conversation(c.conversation), externalId: `c${c.conversation}`, owner: c.owner };
    await this.#both((store) => store.conversations.setOwner({ ...change, at: this.#clock.now() - c.lateMs }));
  }

  async #letter(c: Command & { do: 'retry' | 'discard' }): Promise<void> {
    const ids = (await this.#both((store) => store.deadLetters.ids(null, 10, Number.MAX_SAFE_INTEGER))) as JobId[];
    const id = ids[c.letter % Math.max(1, ids.length)];
    if (!id) return;
    if (c.do === 'discard') return void (await this.#both((store) => store.deadLetters.discard(id)));
    await this.#both((store) => store.deadLetters.retry(id));
    await this.#both((store) => store.deadLetters.retry(id));
  }

  /** What the holder of a lane does, looking first as a worker does. */
  async #worker(c: Extract<Command, { held: number }>): Promise<void> {
    const lease = this.#held[c.held % Math.max(1, this.#held.length)];
    if (!lease) return;
    if (c.do === 'renew') {
      await this.#both((store) => store.mailbox.renew(lease));
      return;
    }
    const open = (await this.#both((store) => store.mailbox.open(lease))) as OpenLane | undefined;
    if (!open) return;
    if (c.do === 'release') return this.#release(lease, open, c);
    const head = open.jobs[0];
    if (!head) return;
    if (head.kind !== 'turn') return this.#job(lease, head, c);
    if (open.turn) return this.#deliver(lease, open.turn, c);
    if (c.do === 'turn' || c.do === 'attempt') await this.#attempt(lease, gathered(open, c.members), c);
    if (c.do === 'job' && c.outcome === 'dead') await this.#both((store) => store.mailbox.complete(lease, { seqs: [head.seq], outcome: { kind: 'dead', reason: 'unroutable', error: 'x' } }));
  }

  async #release(lease: Lease, open: OpenLane, c: Command & { do: 'release' }): Promise<void> {
    if (c.how === 'drained' && open.jobs.length > 0) return;
    await this.#both((store) => store.mailbox.release(lease, c.how === 'drained' ? { drained: open.seen } : { parkMs: c.parkMs }));
  }

  async #job(lease: Lease, head: OpenJob, c: Command): Promise<void> {
    if (c.do !== 'job' || head.readyInMs > 0) return;
    if (head.kind === 'promote') return void (await this.#both((store) => store.mailbox.promote(lease, head.seq)));
    const begun = (await this.#both((store) => store.mailbox.begin(lease, { ...LIMITS, seqs: [head.seq] }))) as Begun;
    const outcome = begun.exhausted.length > 0 ? OUTCOMES.dead : OUTCOMES[c.outcome];
    await this.#both((store) => store.mailbox.complete(lease, { seqs: [head.seq], outcome }));
  }

  async #attempt(lease: Lease, seqs: number[], c: Command & { do: 'turn' | 'attempt' }): Promise<void> {
    const begun = (await this.#both((store) => store.mailbox.begin(lease, { ...LIMITS, seqs }))) as Begun;
    const death = begun.exhausted[0];
    if (death) return this.#plan(lease, [death.seq], { apology: true, parts: 1 });
    this.#clock.advance(1);
    if (c.do === 'turn') {
      await this.#plan(lease, seqs, c);
      return this.#sendAll(lease, c.upTo);
    }
    if (c.ends === 'fail') await this.#both((store) => store.mailbox.fail(lease, { seqs, error: 'down', retryInMs: c.retryInMs }));
    if (c.ends === 'handBack') await this.#both((store) => store.mailbox.handBack(lease, seqs));
    if (c.ends === 'die') this.#clock.advance(LEASE_MS + 1);
  }

  async #plan(lease: Lease, seqs: number[], how: { apology: boolean; parts: number }): Promise<void> {
    const turnId = this.#newId('turn');
    const parts = Array.from({ length: how.parts }, (_, i) => `part ${i}`);
    const reply = how.apology
      ? ({ kind: 'apology', parts: ['sorry'], responder: 'catalogue', deadReason: 'attempts_exhausted' } as const)
      : ({ kind: 'answer', parts, responder: 'script', model: 'm', usage: { inputTokens: 1, outputTokens: 2 } } as const);
    await this.#both((store) => store.ledger.plan(lease, { turnId, seqs, reply: { ...reply, parts: [...reply.parts] } }));
  }

  /** Sends the first `upTo` parts, and settles when these were all. */
  async #sendAll(lease: Lease, upTo: number): Promise<void> {
    const open = (await this.#both((store) => store.mailbox.open(lease))) as OpenLane;
    const turn = open.turn;
    if (!turn) return;
    for (const { part } of turn.sends.slice(0, upTo)) {
      const start = await this.#both((store) => store.ledger.startPart(lease, { turnId: turn.id, part, maxTries: MAX_TRIES }));
      if (start !== 'go') return;
      this.#clock.advance(1);
      await this.#sent(turn.id, part);
    }
    if (upTo >= turn.sends.length) await this.#both((store) => store.ledger.settle(lease, turn.id));
  }

  #sent(turnId: TurnId, part: number): Promise<unknown> {
    return this.#both((store) => store.ledger.recordSent({ turnId, part, providerId: `p-${turnId}-${part}` }));
  }

  async #deliver(lease: Lease, turn: StoredTurn, c: Command): Promise<void> {
    if (c.do === 'turn') return this.#sendAll(lease, c.upTo);
    if (c.do === 'end') return this.#end(lease, turn, c.how);
    const send = c.do === 'part' ? turn.sends[c.part % turn.sends.length] : undefined;
    if (c.do !== 'part' || !send) return;
    const at = { turnId: turn.id, part: send.part, maxTries: MAX_TRIES };
    if (c.how === 'start') return void (await this.#both((store) => store.ledger.startPart(lease, at)));
    if (c.how === 'resend') return void (await this.#both((store) => store.ledger.resend(lease, { ...at, withinMs: c.withinMs ?? undefined })));
    if (c.how === 'sent') return void (await this.#sent(turn.id, send.part));
    const end = ENDS[c.how];
    if (send.state === 'sending') await this.#both((store) => store.ledger.endPart(lease, { turnId: turn.id, part: send.part, end }));
  }

  /** Settles only what can be settled: nothing open, or something failed. */
  async #end(lease: Lease, turn: StoredTurn, how: 'settle' | 'close'): Promise<void> {
    const isOver = turn.sends.some((send) => send.state === 'failed' || send.state === 'unknown') && turn.sends.every((send) => send.state !== 'sending');
    const isSent = turn.sends.every((send) => send.state === 'sent');
    if (how === 'close') await this.#both((store) => store.ledger.close(lease, turn.id));
    else if (isOver || isSent) await this.#both((store) => store.ledger.settle(lease, turn.id));
  }
}

/** The ready turn jobs in a row from the head, as a worker gathers them. */
function gathered(open: OpenLane, most: number): number[] {
  const end = open.jobs.findIndex((job, i) => i > 0 && (job.kind !== 'turn' || job.turnId !== null || job.suspect || job.readyInMs > 0));
  const row = open.jobs.slice(0, end < 0 ? most : Math.min(end, most));
  return (open.jobs[0]?.suspect ? row.slice(0, 1) : row).map((job) => job.seq);
}

async function outcome(asked: Promise<unknown>): Promise<Outcomes> {
  try {
    return { value: await asked };
  } catch (error) {
    return { error: (error as Error).name };
  }
}

/** Without what only names a row: the ids of outbound messages and the numbers of attempts. */
function comparable(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, each: unknown) => (key === 'n' ? undefined : each)));
}

