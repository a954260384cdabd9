/**
 * What a platform never sends again. Chatwoot tries a webhook at most three times, and not at all when nobody listened
 * (https://www.chatwoot.com/hc/user-guide/articles/1677693021-how-to-use-webhooks); so what was missed is asked for.
 */
import type { Clock } from '../domain/clock.ts';
import type { Conversation } from '../domain/conversation.ts';
import type { ChannelId, LaneId, NewId } from '../domain/ids.ts';
import { isFinal } from '../domain/errors.ts';
import type { CaughtUp, Channel, InboundEvent } from '../ports/channel.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { Intake } from '../ports/intake.ts';
import type { Service } from '../ports/service.ts';
import type { Telemetry } from '../ports/telemetry.ts';

export interface ReconcileDeps {
  /** Those of now. Asked at each round. */
  channels: () => readonly Channel[];
  conversations: Conversations;
  intake: Pick<Intake, 'accept'>;
  newId: NewId;
  clock: Clock;
  telemetry: Telemetry;
  wake(laneId: LaneId): void;
}

/** Before the very first round: how far back messages are still worth an answer, ms. */
const FIRST_LOOK_BACK_MS = 3_600_000;

/** A round looks this much further back than the last one ended: clocks differ, and webhooks overtake each other, ms. */
const OVERLAP_MS = 300_000;

/** One round asks for at most this many conversations at once. */
const AT_ONCE = 4;

/** How long one conversation or one page may take, ms. */
const DEADLINE_MS = 20_000;

export interface Reconciler {
  service: Service;
  /** One conversation now, because the platform's state contradicts ours. Throws when the platform cannot tell. */
  examine(conversation: Conversation, signal: AbortSignal): Promise<void>;
}

export function createReconciler(deps: ReconcileDeps, settings: { intervalMs: number }): Reconciler {
  const asked = () => deps.channels().filter((channel) => channel.examine && channel.active);
  return {
    service: {
      name: 'reconcile',
      get intervalMs() {
        return settings.intervalMs;
      },
      runOnce: async (signal) => {
        await Promise.all(asked().map((channel) => round(deps, channel, signal)));
      },
    },
    examine: async (conversation, signal) => {
      const channel = deps.channels().find((candidate) => candidate.id === conversation.channelId);
      if (channel?.examine) await catchUp({ deps, channel, since: await floorOf(deps, channel.id), signal }, conversation.externalId);
      await deps.conversations.clearDoubt(conversation.id);
    },
  };
}

async function floorOf(deps: ReconcileDeps, channelId: ChannelId): Promise<number> {
  const cursor = await deps.conversations.cursor(channelId);
  return cursor === null ? deps.clock.now() - FIRST_LOOK_BACK_MS : cursor - OVERLAP_MS;
}

/** Everything with activity since the last round. The cursor moves only when all of it was asked for. */
async function round(deps: ReconcileDeps, channel: Channel, signal: AbortSignal): Promise<void> {
  const startedAt = deps.clock.now();
  const since = await floorOf(deps, channel.id);
  try {
    await everyActive({ deps, channel, since, signal });
    await deps.conversations.setCursor(channel.id, startedAt);
  } catch (error) {
    signal.throwIfAborted();
    deps.telemetry.log.warn({ err: error, channelId: channel.id }, 'catch-up did not finish; it goes on from the same place');
  }
}

interface Round {
  deps: ReconcileDeps;
  channel: Channel;
  since: number;
  signal: AbortSignal;
}

/** The platform will never tell: the others must not wait for it. */
function notToBeHad({ deps, channel }: Round, externalId: string): void {
  deps.telemetry.log.warn({ channelId: channel.id, conversation: externalId }, 'catch-up skips a conversation that the platform will not show');
}

async function everyActive(round: Round): Promise<void> {
  const { channel, since, signal } = round;
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for await (const externalId of channel.active?.(since, signal) ?? []) {
    const one = catchUp(round, externalId)
      .catch((error: unknown) => void (isFinal(error) ? notToBeHad(round, externalId) : failures.push(error)))
      .finally(() => underWay.delete(one));
    underWay.add(one);
    if (underWay.size >= AT_ONCE) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
}

async function catchUp({ deps, channel, since, signal }: Round, externalId: string): Promise<void> {
  const found = await channel.examine?.(externalId, AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]));
  if (!found) return;
  await takeOwner(deps, channel, found);
  const recent = found.messages.filter((message) => message.sentAt >= since);
  const known = new Set(await deps.conversations.known(channel.id, recent.map((message) => message.externalId)));
  const missed = recent.filter((message) => !known.has(message.externalId));
  if (missed.length === 0) return;
  const events: InboundEvent[] = missed.map((message) => ({ kind: 'message', message, refused: null, doubt: false }));
  const now = deps.clock.now();
  await deps.intake.accept(channel, events, { receivedAt: now, verifiedAt: now });
  deps.telemetry.log.info({ channelId: channel.id, messages: missed.length }, 'caught up on messages that no webhook brought');
}

/** People's answers come first: a person who answered on the platform while we were down owns the conversation. */
async function takeOwner(deps: ReconcileDeps, channel: Channel, found: CaughtUp): Promise<void> {
  const { changed, laneId } = await deps.conversations.setOwner({
    orgId: channel.orgId,
    channelId: channel.id,
    conversationId: deps.newId('cnv'),
    externalId: found.externalId,
    owner: found.owner,
    at: Math.min(found.ownerAt, deps.clock.now()),
  });
  if (changed) deps.wake(laneId);
}
