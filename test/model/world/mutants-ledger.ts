import type { LaneId, MessageId } from '../../../src/domain/ids.ts';
import type { Lease } from '../../../src/domain/lane.ts';
import type { StoredTurn } from '../../../src/domain/turn.ts';
import { LOST } from '../../../src/stores/commands.ts';
import { jobOf, members, openJobs } from '../memory/state.ts';
import type { JobRow, LaneRow, State, TurnRow } from '../memory/state.ts';
import { laneOf } from './mutation.ts';
import type { Wrap } from './mutation.ts';
import { MAX_ATTEMPTS } from './settings.ts';

const turnOf = (state: State, id: string): TurnRow => state.turns.get(id as never) as TurnRow;
const conversationOf = (state: State, lane: LaneRow) => (lane.conversationId ? state.conversations.get(lane.conversationId) : undefined);

/** Does `act` as if no person owned the turn's conversation. */
function unowned<R>(state: State, lease: Lease, turn: TurnRow, act: () => R): R {
  const conversation = conversationOf(state, laneOf(state, lease));
  if (!conversation) return act();
  const { owner, ownerEpoch } = conversation;
  Object.assign(conversation, { owner: 'bot', ownerEpoch: turn.ownerEpoch });
  const result = act();
  Object.assign(conversation, { owner, ownerEpoch });
  return result;
}

/** Each breaks one rule of stored replies, ownership or redriving. */
export const LEDGER_MUTATIONS = {
  /** A stored reply is taken to answer whatever is open when it is read. */
  frozenTurn: ({ state, mailbox }) => {
    const thaw = (laneId: LaneId, turn: StoredTurn | null): void => {
      const stored = turn ? turnOf(state, turn.id) : undefined;
      if (!stored || stored.kind !== 'answer') return;
      for (const job of openJobs(state.lanes.get(laneId) as LaneRow)) {
        if (job.turnId || job.kind !== 'turn') continue;
        job.turnId = stored.id;
        stored.members.push(job.seq);
      }
    };
    return {
      mailbox: {
        claim: (request) => {
          const result = mailbox.claim(request);
          if (result !== LOST) for (const { lease, open } of result.claimed) thaw(lease.laneId, open.turn);
          return result;
        },
      },
    };
  },
  /** An error after storing forgets the stored reply. */
  storedWins: ({ state, mailbox }) => ({
    mailbox: {
      release: (lease, how) => {
        const result = mailbox.release(lease, how);
        if (result === 'released' && 'parkMs' in how) for (const job of openJobs(laneOf(state, lease))) job.turnId = null;
        return result;
      },
    },
  }),
  /** A part starts whoever owns the conversation. */
  fencePart: ({ state, ledger }) => ({
    ledger: { startPart: (lease, at) => unowned(state, lease, turnOf(state, at.turnId), () => ledger.startPart(lease, at)) },
  }),
  /** An apology starts whoever owns the conversation. */
  apologyLedger: ({ state, ledger }) => ({
    ledger: {
      startPart: (lease, at) => {
        const turn = turnOf(state, at.turnId);
        return turn.kind === 'apology' ? unowned(state, lease, turn, () => ledger.startPart(lease, at)) : ledger.startPart(lease, at);
      },
    },
  }),
  /** Ownership has no epoch: what a takeover interrupted goes on after the give-back. */
  ownerEpoch: ({ state, commands }) => ({
    conversations: {
      setOwner: (change) => {
        const result = commands.conversations.setOwner(change);
        const conversation = [...state.conversations.values()].find((each) => each.externalId === change.externalId);
        if (conversation) conversation.ownerEpoch = 0;
        return result;
      },
    },
  }),
  /** A turn that a takeover ended leaves its parts planned. */
  closeParts: ({ state, ledger }) => ({
    ledger: {
      close: (lease, turnId) => {
        const planned = turnOf(state, turnId).sends.filter((send) => send.state === 'planned');
        const result = ledger.close(lease, turnId);
        if (result !== LOST) for (const send of planned) send.state = 'planned';
        return result;
      },
    },
  }),
  /** A key is used however old its first try is. */
  keyWindow: ({ ledger }) => ({ ledger: { resend: (lease, at) => ledger.resend(lease, { ...at, withinMs: undefined }) } }),
  /** That a part was sent is written only by whoever holds the lane. */
  facts: ({ state, ledger, world }) => ({
    ledger: {
      recordSent: (at) => {
        const turn = turnOf(state, at.turnId);
        const lane = state.lanes.get(turn.laneId) as LaneRow;
        const last = world.facts.writers.get(`${at.turnId}-${at.part}`);
        if (last === lane.epoch) return ledger.recordSent(at);
        world.facts.avoidable.add(`${at.turnId}-${at.part}`);
      },
      startPart: (lease, at) => {
        world.facts.writers.set(`${at.turnId}-${at.part}`, lease.epoch);
        return ledger.startPart(lease, at);
      },
      resend: (lease, at) => {
        const start = ledger.resend(lease, at);
        if (start === 'go') world.facts.writers.set(`${at.turnId}-${at.part}`, lease.epoch);
        return start;
      },
    },
  }),
  /** A reply that could not be delivered is followed by an apology. */
  noApologyAfterReply: ({ state, ledger, world }) => ({
    ledger: {
      settle: (lease, turnId) => {
        const turn = turnOf(state, turnId);
        const isBad = turn.kind === 'answer' && turn.sends.some((send) => send.state === 'failed' || send.state === 'unknown');
        const lane = laneOf(state, lease);
        if (!isBad || lane.epoch !== lease.epoch) return ledger.settle(lease, turnId);
        for (const job of members(lane, turn.members)) Object.assign(job, { turnId: null, state: 'available', attempts: 99, notBefore: 0 });
        world.faults += MAX_ATTEMPTS; // its attempts count as used up, which is not what this mutation is about
        return { ending: 'dead', reason: 'send_failed' };
      },
    },
  }),
  /** Tries of a part are not counted. */
  countSend: ({ state, ledger }) => ({
    ledger: {
      startPart: (lease, at) => uncounted(state, at, () => ledger.startPart(lease, at)),
      resend: (lease, at) => uncounted(state, at, () => ledger.resend(lease, at)),
    },
  }),
  /** A redrive opens the old job where it was. */
  redriveAppend: ({ state, commands }) => ({
    deadLetters: {
      retry: (id) => {
        const job = jobOf(state, id);
        if (!job?.letter) return commands.deadLetters.retry(id);
        reopen(state, job);
        Object.assign(job, { state: 'available', attempts: 0, crashes: 0, notBefore: 0, letter: false, turnId: null });
        return { kind: 'retried', retriedAs: id, laneId: job.laneId };
      },
    },
  }),
  /** A redrive asked for twice is done twice. */
  redriveOnce: ({ state, commands }) => ({
    deadLetters: {
      retry: (id) => {
        const job = jobOf(state, id);
        if (job?.retriedAs) Object.assign(job, { retriedAs: null, letter: true });
        return commands.deadLetters.retry(id);
      },
    },
  }),
  /** A redrive forgets the stored answer. */
  redriveLedger: ({ state, commands }) => ({
    deadLetters: {
      retry: (id) => {
        const job = jobOf(state, id);
        if (job) job.turnId = null;
        return commands.deadLetters.retry(id);
      },
    },
  }),
  /** A redrive does not open the message's ending. */
  redriveReopen: ({ state, commands }) => ({
    deadLetters: {
      retry: (id) => {
        const message = state.messages.get(jobOf(state, id)?.messageId as MessageId);
        const { ending, endingReason, endedAt, reopened } = message ?? {};
        const result = commands.deadLetters.retry(id);
        if (message) Object.assign(message, { ending, endingReason, endedAt, reopened });
        return result;
      },
    },
  }),
  /** Purging forgets the message. */
  purgeKeepsId: ({ state, commands }) => ({
    deadLetters: {
      purge: (limit, until) => {
        for (const id of [...state.messages.values()].filter((each) => each.ending === 'dead').map((each) => each.id)) state.messages.delete(id);
        return commands.deadLetters.purge(limit, until);
      },
    },
  }),
  /** A later refusal is taken to prove that the first try failed. */
  ambigSticky: ({ state, ledger }) => ({
    ledger: {
      endPart: (lease, at) => {
        const send = turnOf(state, at.turnId).sends[at.part];
        if (send && at.end.state === 'failed') send.ambiguous = false;
        return ledger.endPart(lease, at);
      },
    },
  }),
  /** A takeover does not wake a lane that waits. */
  takeoverReady: ({ state, commands, mailbox }) => ({
    conversations: {
      setOwner: (change) => {
        const before = new Map([...state.lanes.values()].map((lane) => [lane.id, lane.readyAt]));
        const result = commands.conversations.setOwner(change);
        for (const lane of state.lanes.values()) lane.readyAt = before.get(lane.id) ?? lane.readyAt;
        return result;
      },
    },
    mailbox: {
      release: (lease, how) => {
        const lane = laneOf(state, lease);
        const head = openJobs(lane)[0];
        const result = mailbox.release(lease, how);
        if (result === 'released' && head && 'parkMs' in how) lane.readyAt = Math.max(lane.readyAt, head.notBefore);
        return result;
      },
    },
  }),
} satisfies Record<string, Wrap>;

function reopen(state: State, job: JobRow): void {
  const message = job.messageId ? state.messages.get(job.messageId) : undefined;
  if (message) Object.assign(message, { ending: null, endingReason: null, endedAt: null, reopened: message.reopened + 1 });
}

function uncounted<R>(state: State, at: { turnId: string; part: number }, act: () => R): R {
  const send = turnOf(state, at.turnId).sends[at.part];
  const tries = send?.tries ?? 0;
  const result = act();
  if (send) send.tries = tries;
  return result;
}

