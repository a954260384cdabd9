/**
 * Ambiguous sends: the platform may show the part, and we do not know. First wait until the old request can no longer land; then
 * find out, by the channel's means; only then send again, once more under a fence. Waits are parks: the lane's first job stays where
 * it is, nothing passes it, and the process is free for other conversations.
 */
import { backoffMs } from '../domain/backoff.ts';
import { AppError, isFinal, LeaseLost, StoreFailed, StoreTimeout } from '../domain/errors.ts';
import { within } from './deadline.ts';
import { tryKey, type Ask, type PartDone, type PartOf } from './part.ts';

/** A worker fenced off before our claim may still have written this long after it, ms. */
const EDGE_MS = 1000;

/** Tries that the policy `prefer_duplicate` allows. */
const DUPLICATE_TRIES = 2;

/** Reading back may take this many of the channel's requests. */
const READ_BACK_REQUESTS = 4;

/** A platform that cannot say for so long whether it shows a part is no longer asked, ms. */
export const PATIENCE_MS = 600_000;

/** A fact is written down this often before it is given up. */
const RECORD_TRIES = 3;

/** Milliseconds until nothing that was written before can land any more. */
function landsInMs(part: PartOf): number {
  const { work, hold, policy } = part;
  const { requestMs, landingMs } = policy.channel;
  const landedAt = work.landings.landedAt(tryKey(part), hold.claimedAt + EDGE_MS + requestMs + landingMs);
  return Math.ceil(landedAt - work.deps.clock.monotonic());
}

/** Waits here, with the lane in hand: for a conversation that a person owns, whose lane cannot be parked. */
export async function waitUntilLanded(part: PartOf): Promise<void> {
  const ms = landsInMs(part);
  if (ms > 0) await part.work.deps.clock.sleep(ms, part.hold.signal);
}

/** A park, while something that was written before may still land. */
async function untilLanded(part: PartOf): Promise<PartDone | null> {
  const { conversation, turn } = part;
  const ms = landsInMs(part);
  if (ms <= 0) return null;
  if (conversation.owner === 'bot' && conversation.ownerEpoch === turn.ownerEpoch) return { kind: 'park', ms };
  await waitUntilLanded(part);
  return null;
}

/** Decides a part in state `sending`. */
export async function resolve(part: PartOf): Promise<Ask | PartDone> {
  const { resolution } = part.policy.channel;
  part.send.ambiguous = true;
  if (resolution.by === 'key') return resend(part, resolution.windowMs / 2);
  const wait = await untilLanded(part);
  if (wait) return wait;
  if (resolution.by === 'readback') return byReadback(part);
  const mayDouble = resolution.policy === 'prefer_duplicate' && part.send.tries < DUPLICATE_TRIES;
  return mayDouble ? resend(part) : giveUp(part);
}

/** The key's window has passed, or half of it: the platform may no longer recognise it. */
export async function tooOld(part: PartOf): Promise<PartDone | { kind: 'ambiguous' }> {
  const wait = await untilLanded(part);
  if (wait) return wait;
  if (!part.policy.channel.find) return giveUp(part);
  const ask = await byReadback(part);
  return ask.kind === 'ask' ? giveUp(part) : ask;
}

function resend(part: PartOf, withinMs?: number): Ask {
  const { work, hold, turn, send } = part;
  const at = { turnId: turn.id, part: send.part, maxTries: work.settings.maxTries, withinMs };
  const fence = async () => {
    const start = await work.deps.ledger.resend(hold.lease, at);
    count(part, start === 'go' ? 'sent_again' : start);
    return start;
  };
  return { kind: 'ask', fence };
}

async function byReadback(part: PartOf): Promise<Ask | PartDone> {
  try {
    if (await lookUp(part)) return { kind: 'next' };
  } catch (error) {
    part.hold.signal.throwIfAborted();
    if (error instanceof LeaseLost || error instanceof StoreFailed || error instanceof StoreTimeout) throw error;
    return unclear(part, error);
  }
  return resend(part);
}

/** The platform did not say. Asked again later, for a while; when it never will say, nobody can tell. */
async function unclear(part: PartOf, error: unknown): Promise<PartDone> {
  const { work, send } = part;
  const { asks, forMs } = work.patience.inVain(send.key, work.deps.clock.monotonic());
  const never = isFinal(error) || forMs > PATIENCE_MS;
  work.deps.telemetry.log.warn({ err: error, conversationId: part.conversation.id, asks }, 'could not read back an ambiguous send');
  return never ? giveUp(part) : { kind: 'park', ms: backoffMs(asks + 1, work.settings.retryDelayMs) };
}

/** Nothing resends it in the background: an operator decides. */
async function giveUp(part: PartOf): Promise<PartDone> {
  const { work, hold, turn, send } = part;
  const error = 'the platform may or may not show it';
  await work.deps.ledger.endPart(hold.lease, { turnId: turn.id, part: send.part, end: { state: 'unknown', error } });
  work.patience.forget(send.key);
  count(part, 'unknown');
  return { kind: 'stop' };
}

/** True when the platform shows the part; it is then recorded as sent. Throws when the platform cannot tell. */
export async function lookUp(part: PartOf): Promise<boolean> {
  const { policy, conversation, send, work, hold } = part;
  const find = policy.channel.find?.bind(policy.channel);
  if (!find) return false;
  const { clock } = work.deps;
  const ms = policy.channel.requestMs * READ_BACK_REQUESTS;
  const found = await within({ clock, ms, code: 'readback_timeout', signal: hold.signal }, (signal) =>
    find({ conversation, key: send.key, text: send.text }, signal),
  );
  if (found === null) return false;
  await recordSent(part, found);
  work.patience.forget(send.key);
  count(part, 'found');
  return true;
}

/** That a part was sent is true whoever learns it, and a store that answers late must not make it a doubt. */
export async function recordSent(part: PartOf, providerId: string | null): Promise<void> {
  const { turn, send, work } = part;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work.deps.ledger.recordSent({ turnId: turn.id, part: send.part, providerId });
    } catch (error) {
      if (!(error instanceof AppError) || attempt >= RECORD_TRIES) throw error;
    }
  }
}

function count(part: PartOf, resolution: string): void {
  part.work.deps.telemetry.meter.count('ambiguous_sends_total', { channel: part.policy.channel.kind, resolution });
}
