import type { ConversationId, JobId, LaneId } from '../../../src/domain/ids.ts';
import { laneOf } from '../../../src/domain/ids.ts';
import type { Arrival } from '../../../src/ports/mailbox.ts';
import { CHANNEL, ORG } from './settings.ts';
import type { Event } from './config.ts';
import type { World } from './world.ts';
import { findConversation, findMessage } from '../memory/state.ts';

const REDELIVERY_MS = 3_000;
const REDELIVERIES = 2;
const EPOCH_AT = 1_800_000_000_000;

interface Options {
  conversation?: string;
  text?: string;
  deferMs?: number;
  duplicateWindowMs?: number;
  notice?: Arrival['notice'];
  when?: Event['when'];
}

/** A webhook of the platform: delivered again when it was not acknowledged. */
export function message(name: string, at: number, options: Options = {}): Event {
  return { name, at, when: options.when, fire: (world) => void deliver(world, name, options) };
}

/** The platform delivers it again although it was acknowledged. */
export function redelivery(name: string, at: number, options: Options = {}): Event {
  return { name: `again ${name}`, at, when: (world) => world.facts.acked.has(name), fire: (world) => void deliver(world, name, options) };
}

async function deliver(world: World, name: string, options: Options): Promise<void> {
  for (let n = 0; n <= REDELIVERIES; n++) {
    if (n > 0) await world.pause(REDELIVERY_MS);
    try {
      if (world.config.mutation === 'ackAfter') world.facts.acked.add(name);
      if (world.config.mutation === 'govInTx') await world.store(null, 'conversations', 'setCursor', [`mark ${options.text ?? name}`, world.now()]);
      const marked = world.config.mutation === 'govInTx' && n > 0;
      const arrival = arrivalOf(world, name, options);
      const appended = (await world.store(null, 'mailbox', 'append', [marked ? { ...arrival, refused: 'duplicate_text' } : arrival])) as { laneId: LaneId; wake: boolean };
      world.facts.acked.add(name);
      if (appended.wake) world.wake(appended.laneId);
      return;
    } catch (error) {
      world.log('webhook', name, (error as Error).message);
      if (world.config.mutation === 'ackAfter') return;
    }
  }
}

function arrivalOf(world: World, name: string, { conversation = 'A', text, deferMs = 0, duplicateWindowMs = 0, notice }: Options): Arrival {
  const now = world.now();
  return {
    orgId: ORG, channelId: CHANNEL, conversationId: world.newId('cnv'), messageId: world.newId('msg'), receivedAt: now, verifiedAt: now, refused: null,
    deferMs, debounceMs: world.config.debounceMs ?? 0, duplicateWindowMs, doubt: false, ...(notice && { notice }),
    message: { externalId: name, conversation, author: 'ana', text: text ?? name, attachments: [], sentAt: now, locale: null },
  };
}

const idOf = (world: World, conversation: string): ConversationId | undefined => findConversation(world.state, CHANNEL, conversation)?.id;

/** A person takes the conversation over, or gives it back; the platform tells us in its own time. */
function owner(to: 'bot' | 'human', at: number, conversation: string): Event {
  return {
    name: to === 'human' ? 'takeover' : 'give back', at, when: (world) => idOf(world, conversation) !== undefined && (world.facts.owner.get(conversation) ?? 'bot') !== to,
    fire: (world) => {
      const conversationId = idOf(world, conversation) as ConversationId;
      world.facts.owner.set(conversation, to);
      if (to === 'human') world.facts.takeovers.push({ conversation, at: world.t });
      world.execute('conversations', 'setOwner', [{ orgId: ORG, channelId: CHANNEL, conversationId, externalId: conversation, owner: to, at: EPOCH_AT + world.t }]);
      world.wake(laneOf(conversationId));
    },
  };
}

export const takeover = (at: number, conversation = 'A'): Event => owner('human', at, conversation);
export const giveBack = (at: number, conversation = 'A'): Event => owner('bot', at, conversation);

export function clockJump(at: number, ms: number): Event {
  return {
    name: `clock ${ms}`, at,
    fire: (world) => {
      world.skew += ms;
      world.fault();
    },
  };
}

const letters = (world: World): JobId[] => world.execute('deadLetters', 'ids', [null, 100, Number.MAX_SAFE_INTEGER]) as JobId[];

/** What made the message fail is repaired, once it is dead. */
export function heal(at: number, name: string): Event {
  return { name: 'heal', at, when: (world) => findMessage(world.state, CHANNEL, name)?.ending === 'dead', fire: (world) => void world.poison.delete(name) };
}

/** An operator retries every dead letter. */
export function redrive(at: number, name = 'redrive'): Event {
  return { name, at, when: (world) => letters(world).length > 0, fire: (world) => void retryAll(world) };
}

async function retryAll(world: World): Promise<void> {
  const ids = letters(world);
  await world.pause(0);
  for (const id of ids) {
    for (let n = 0; n < 3; n++) {
      try {
        await world.store(null, 'deadLetters', 'retry', [id]);
        break;
      } catch (error) {
        world.log('retry', id, (error as Error).message);
      }
    }
    world.wake(/^job_(.*)_\d+$/.exec(id)?.[1] as LaneId);
  }
}

/** An operator discards every dead letter. */
export function purge(at: number): Event {
  return { name: 'purge', at, when: (world) => letters(world).length > 0, fire: (world) => void world.execute('deadLetters', 'purge', [100, Number.MAX_SAFE_INTEGER]) };
}

/** The sender withdraws a message, perhaps before it arrived. */
export function withdraw(at: number, name: string): Event {
  return amend(at, name, { kind: 'withdraw' });
}

export function edit(at: number, name: string): Event {
  return amend(at, name, { kind: 'edit', text: `${name} edited` });
}

function amend(at: number, name: string, change: { kind: 'withdraw' } | { kind: 'edit'; text: string }): Event {
  return {
    name: `${change.kind} ${name}`, at,
    fire: (world) => {
      if (change.kind === 'withdraw') world.facts.withdrawnAt.set(name, world.t);
      world.execute('mailbox', 'amend', [
        { orgId: ORG, channelId: CHANNEL, conversationId: world.newId('cnv'), messageId: world.newId('msg'), conversation: 'A', externalId: name, change },
      ]);
    },
  };
}

/** A job for the conversation, due later. */
export function delayed(at: number, inMs: number): Event {
  return {
    name: 'delayed job', at, when: (world) => idOf(world, 'A') !== undefined,
    fire: (world) => {
      const laneId = world.newId('lane');
      world.execute('mailbox', 'addJob', [{ kind: 'note', payload: { at }, orgId: ORG, laneId, conversationId: idOf(world, 'A'), inMs }]);
      world.wake(laneId);
    },
  };
}

