import { sendAddress } from '../domain/turn.ts';
import type { Channel, EventOf, InboundEvent } from '../ports/channel.ts';
import type { Accepted } from '../ports/intake.ts';
import type { IntakeDeps } from './intake-deps.ts';
import { govern, overLimit, type Governed, type GovernSettings, type MessageLimit } from './govern/index.ts';

/** UTC ms. */
export interface Times {
  receivedAt: number;
  verifiedAt: number;
}

interface Accepting {
  deps: IntakeDeps;
  settings: GovernSettings;
  channel: Channel;
  times: Times;
  /** Null: nothing of the delivery is limited. */
  limit: MessageLimit | null;
}

/** Takes a delivery's events in, one after the other: their order is the platform's. */
export async function accept(accepting: Accepting, events: InboundEvent[]): Promise<Accepted> {
  const accepted: Accepted = { messageIds: [], duplicates: 0 };
  for (const event of events) await acceptOne(accepting, event, accepted);
  return accepted;
}

async function acceptOne(accepting: Accepting, event: InboundEvent, accepted: Accepted): Promise<void> {
  switch (event.kind) {
    case 'message':
      return message(accepting, event, accepted);
    case 'edit':
    case 'withdraw':
      return amend(accepting, event);
    case 'owner':
      return owner(accepting, event);
    case 'echo':
      return echo(accepting, event);
    case 'ignored':
      return accepting.deps.telemetry.meter.count('webhook_events_ignored_total', { channel: accepting.channel.kind, event: event.name });
  }
}

/** What is decided of a message before it is stored. */
async function governed(accepting: Accepting, event: EventOf<'message'>): Promise<Governed> {
  const { deps, settings, channel, limit } = accepting;
  const now = deps.clock.now();
  const decided = govern(settings, channel, { event, now });
  if (!limit || decided.refused) return decided;
  const over = await overLimit(deps.limiter, limit, { channel, message: event.message, now });
  // Behind messages that wait for the opening it would be said hours later.
  return { ...decided, ...over, ...(decided.deferMs > 0 && { notice: decided.notice }) };
}

async function message(accepting: Accepting, event: EventOf<'message'>, accepted: Accepted): Promise<void> {
  const { deps, channel, times } = accepting;
  const decided = await governed(accepting, event);
  const appended = await deps.mailbox.append({
    orgId: channel.orgId,
    channelId: channel.id,
    message: event.message,
    conversationId: deps.newId('cnv'),
    messageId: deps.newId('msg'),
    ...times,
    doubt: event.doubt,
    ...decided,
  });
  accepted.messageIds.push(appended.messageId);
  deps.judged(appended.verdict);
  deps.telemetry.meter.count('verdicts_total', { org_id: channel.orgId, verdict: appended.verdict });
  const duplicate = appended.verdict === 'duplicate' || appended.verdict === 'duplicate_text';
  if (appended.verdict === 'duplicate') accepted.duplicates += 1;
  if (duplicate) deps.telemetry.meter.count('duplicates_total', { channel: channel.kind, kind: appended.verdict });
  // What is said about a message does not wait with it.
  if (appended.wake) deps.wake(appended.laneId, decided.notice ? 0 : decided.deferMs || decided.debounceMs);
}

async function amend(accepting: Accepting, event: EventOf<'edit'> | EventOf<'withdraw'>): Promise<void> {
  const { deps, channel } = accepting;
  await deps.mailbox.amend({
    orgId: channel.orgId,
    channelId: channel.id,
    conversationId: deps.newId('cnv'),
    messageId: deps.newId('msg'),
    conversation: event.conversation,
    externalId: event.externalId,
    change: event.kind === 'edit' ? { kind: 'edit', text: event.text } : { kind: 'withdraw' },
  });
}

async function owner(accepting: Accepting, event: EventOf<'owner'>): Promise<void> {
  const { deps, channel } = accepting;
  const { changed, laneId } = await deps.conversations.setOwner({
    orgId: channel.orgId,
    channelId: channel.id,
    conversationId: deps.newId('cnv'),
    externalId: event.conversation,
    owner: event.owner,
    // A platform whose clock is ahead must not make its next word look old.
    at: Math.min(event.at, deps.clock.now()),
  });
  if (!changed) return;
  deps.telemetry.log.info({ channelId: channel.id, laneId, owner: event.owner, why: event.why }, 'the conversation has another owner');
  deps.wake(laneId, 0);
}

/** Our own reply came back: a fact about its send, whoever holds the lane. */
async function echo(accepting: Accepting, event: EventOf<'echo'>): Promise<void> {
  const at = sendAddress(event.key);
  if (at) await accepting.deps.ledger.recordSent({ ...at, providerId: event.providerId });
}
