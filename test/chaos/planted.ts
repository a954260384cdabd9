/**
 * Bugs planted on purpose around the real parts, to show that the oracle sees them. Each is what somebody could plausibly write.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Parts } from '../../src/app/index.ts';
import { LeaseLost, StoreFailed, StoreTimeout } from '../../src/domain/errors.ts';
import type { Conversation } from '../../src/domain/conversation.ts';
import type { Lease } from '../../src/domain/lane.ts';
import type { Channel } from '../../src/ports/channel.ts';
import type { Appended, Arrival, ClaimResult } from '../../src/ports/mailbox.ts';
import type { Store } from '../../src/ports/store.ts';
import { around } from './faulty-parts.ts';
import { tell } from './failpoints.ts';

export const PLANTED_BUGS = [
  'ack-before-commit',
  'no-fence',
  'check-then-insert',
  'no-sweeper',
  'send-before-store',
  'no-read-back',
  'no-catch-up',
  'late-append',
  'shared-conversation',
  'deaf-to-takeover',
  'ack-on-cut',
  'dedupe-per-process',
  'no-fence-frozen',
  'noop-wake',
  'no-way-back',
] as const;
export type PlantedBug = (typeof PLANTED_BUGS)[number];

type BadParts = Pick<Parts, 'store' | 'channel' | 'responder'>;

const appendOf = (store: Store, append: (arrival: Arrival) => Promise<Appended>): Store => ({ ...store, mailbox: { ...methodsOf(store.mailbox), append } });

/** A port's methods as own properties, so that some can be replaced. */
function methodsOf<T extends object>(port: T): T {
  return Object.fromEntries(Object.keys(port).map((name) => [name, Reflect.get(port, name)])) as T;
}

/** What is said before anything is known. */
function unseen(arrival: Arrival): Appended {
  const { conversationId, messageId } = arrival;
  return { verdict: 'accepted', conversationId, messageId, laneId: conversationId as string as Appended['laneId'], wake: false };
}

/** Answers the webhook at once and stores the message after `ms`. */
function storeLater(ms: () => number): BadParts {
  return {
    store: (store) =>
      appendOf(store, async (arrival) => {
        void wait(ms()).then(() => store.mailbox.append(arrival));
        return unseen(arrival);
      }),
  };
}

/** Duplicates are looked up in memory, with an await between looking and storing. */
function checkThenInsert(): BadParts {
  const seen = new Set<string>();
  let deliveries = 0;
  return {
    store: (store) =>
      appendOf(store, async (arrival) => {
        const { externalId } = arrival.message;
        if (seen.has(externalId)) return { ...unseen(arrival), verdict: 'duplicate' };
        deliveries += 1;
        const appended = await store.mailbox.append({ ...arrival, message: { ...arrival.message, externalId: `${externalId}${deliveries}` } });
        seen.add(externalId);
        return appended;
      }),
  };
}

const isLease = (value: unknown): value is Lease => typeof value === 'object' && value !== null && 'epoch' in value && 'laneId' in value;

/** Every worker passes as the newest holder of the lane; one that is told that it lost the lane says so again under the newest epoch. */
function noFence(): BadParts {
  const newest = new Map<string, number>();
  const asNewest = (first: unknown): unknown => (isLease(first) ? { ...first, epoch: newest.get(first.laneId) ?? first.epoch } : first);
  const unfenced = (name: string, method: (...args: unknown[]) => Promise<unknown>) => async (...args: unknown[]) => {
    const [first, ...rest] = args;
    const lost = (error: unknown): Promise<unknown> => (error instanceof LeaseLost ? method(asNewest(first), ...rest) : Promise.reject(error as Error));
    const result = await method(asNewest(first), ...rest).catch(lost);
    if (name === 'claim') for (const lane of (result as ClaimResult).claimed) newest.set(lane.lease.laneId, lane.lease.epoch);
    return result;
  };
  return { store: (store) => ({ ...store, mailbox: around(store.mailbox, unfenced), ledger: around(store.ledger, unfenced) }) };
}

/** Epochs above its own that a worker without a fence tries. */
const EPOCHS = 12;

/** A worker that another one fenced off passes as that one, whichever epoch it has by now. */
function noFenceFrozen(): BadParts {
  const unfenced = (_name: string, method: (...args: unknown[]) => Promise<unknown>) => async (first: unknown, ...rest: unknown[]) => {
    for (let above = 0; ; above++) {
      try {
        return await method(isLease(first) ? { ...first, epoch: first.epoch + above } : first, ...rest);
      } catch (error) {
        if (!isLease(first) || !(error instanceof LeaseLost) || above >= EPOCHS) throw error;
      }
    }
  };
  return { store: (store) => ({ ...store, mailbox: around(store.mailbox, unfenced), ledger: around(store.ledger, unfenced) }) };
}

/** A wake-up that comes while somebody holds the lane has nothing to do, and nobody notes when the lease ends (the schedule also stops the sweeper). */
function noopWake(): BadParts {
  return {
    store: (store) => {
      const mailbox = methodsOf(store.mailbox);
      const claim: typeof mailbox.claim = async (request) => ({ ...(await store.mailbox.claim(request)), nextInMs: null });
      return { ...store, mailbox: { ...mailbox, claim }, lanes: { ...methodsOf(store.lanes), due: async () => null } };
    },
  };
}

/** Redis is connected to once. */
function noWayBack(): BadParts {
  const connect = Redis.prototype.connect;
  let isGone = false;
  Redis.prototype.connect = function once(...args) {
    if (isGone) return Promise.reject(new Error('planted: no way back'));
    this.once('close', () => (isGone = true));
    return connect.apply(this, args);
  };
  return {};
}

/** A store that cannot be reached is no reason to trouble the platform. */
function ackOnCut(): BadParts {
  const isCut = (error: unknown): boolean => error instanceof StoreFailed || error instanceof StoreTimeout;
  return {
    store: (store) =>
      appendOf(store, (arrival) => store.mailbox.append(arrival).catch((error: unknown) => (isCut(error) ? unseen(arrival) : Promise.reject(error as Error)))),
  };
}

/** What was seen is known to the process that saw it. */
function dedupePerProcess(): BadParts {
  return {
    store: (store) => appendOf(store, (arrival) => store.mailbox.append({ ...arrival, message: { ...arrival.message, externalId: `${arrival.message.externalId}-${process.pid}` } })),
  };
}

/** Wake-ups get lost and nobody looks again (the schedule also stops the sweeper). */
function noSweeper(): BadParts {
  return {
    store: (store) => {
      const mailbox = methodsOf(store.mailbox);
      const append = async (arrival: Arrival): Promise<Appended> => ({ ...(await store.mailbox.append(arrival)), wake: false });
      const claim: typeof mailbox.claim = async (request) => ({ ...(await store.mailbox.claim(request)), nextInMs: null });
      return { ...store, mailbox: { ...mailbox, append, claim } };
    },
  };
}

/** The answer goes out as soon as the model gave it, and is stored afterwards. */
function sendBeforeStore(): BadParts {
  let real: Channel | null = null;
  let sent = 0;
  return {
    channel: (channel) => {
      real = channel;
      return { ...channel, send: async () => ({ kind: 'sent', providerId: null }) };
    },
    responder: (responder) => ({
      name: responder.name,
      async respond(question, signal) {
        const answer = await responder.respond(question, signal);
        for (const text of real?.split(answer.text) ?? []) await real?.send({ conversation: question.conversation, key: `early-${(sent += 1)}`, text }, signal);
        return answer;
      },
    }),
  };
}

/** The conversation of the turn in hand is kept in one place for all turns. */
function sharedConversation(): BadParts {
  let current: Conversation | null = null;
  return {
    responder: (responder) => ({
      name: responder.name,
      respond(question, signal) {
        current = question.conversation;
        return responder.respond(question, signal);
      },
    }),
    channel: (channel) => ({ ...channel, send: (part, signal) => channel.send({ ...part, conversation: current ?? part.conversation }, signal) }),
  };
}

/** Takeovers are acknowledged and forgotten. */
function deafToTakeover(): BadParts {
  return {
    store: (store) => {
      const conversations = methodsOf(store.conversations);
      const setOwner: typeof conversations.setOwner = (change) => store.conversations.setOwner({ ...change, owner: 'bot' });
      return { ...store, conversations: { ...conversations, setOwner } };
    },
  };
}

/** Around the real parts (failpoints included), what the bug makes of them. */
export function plantedParts(bug: PlantedBug): BadParts {
  tell(`planted ${bug}`);
  switch (bug) {
    case 'ack-before-commit':
      return storeLater(() => 40);
    case 'late-append':
      return storeLater(() => Math.random() * 400);
    case 'check-then-insert':
      return checkThenInsert();
    case 'no-fence':
      return noFence();
    case 'no-sweeper':
      return noSweeper();
    case 'send-before-store':
      return sendBeforeStore();
    case 'no-read-back':
      return { channel: (channel) => ({ ...channel, find: async () => null }) };
    case 'no-catch-up':
      return { channel: (channel) => ({ ...channel, active: undefined, examine: undefined }) };
    case 'shared-conversation':
      return sharedConversation();
    case 'deaf-to-takeover':
      return deafToTakeover();
    case 'ack-on-cut':
      return ackOnCut();
    case 'dedupe-per-process':
      return dedupePerProcess();
    case 'no-fence-frozen':
      return noFenceFrozen();
    case 'noop-wake':
      return noopWake();
    case 'no-way-back':
      return noWayBack();
  }
}
