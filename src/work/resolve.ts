/**
 * Ambiguous sends: the platform may show the part, and we do not know. First wait until the old request can no longer land; then
 * find out, by the channel's means; only then send again, once more under a fence.
 */
import { backoffMs } from '../domain/backoff.ts';
import { isFinal } from '../domain/errors.ts';
import type { Start } from '../ports/ledger.ts';
import type { Hold, TurnPolicy, Work } from './deps.ts';
import { within } from './deadline.ts';
import { fenced, type Go, type PartDone, type PartOf } from './part.ts';

/** A worker fenced off before our claim may still have written this long after it, ms. */
const EDGE_MS = 1000;

/** Reading back may take this many of the channel's requests. */
const READ_BACK_REQUESTS = 4;

/** Tries that the policy `prefer_duplicate` allows. */
const DUPLICATE_TRIES = 2;

interface Landing {
  work: Work;
  hold: Hold;
  policy: TurnPolicy;
  writtenAt: number | null;
}

/** Waits, on the process's own clock, until nothing that was written before can land any more. The lease is renewed meanwhile. */
export async function waitUntilLanded(landing: Landing): Promise<void> {
  const { clock } = landing.work.deps;
  const { channel } = landing.policy;
  const since = landing.writtenAt ?? landing.hold.claimedAt + EDGE_MS;
  const left = since + channel.requestMs + channel.landingMs - clock.monotonic();
  if (left > 0) await clock.sleep(left, landing.hold.signal);
}

/** Decides a part in state `sending`. */
export async function resolve(part: PartOf): Promise<Go | PartDone> {
  const { resolution } = part.policy.channel;
  if (resolution.by === 'key') return byKey(part, resolution.windowMs);
  await waitUntilLanded(part);
  if (resolution.by === 'readback') return byReadback(part);
  const mayDouble = resolution.policy === 'prefer_duplicate' && part.send.tries < DUPLICATE_TRIES;
  return mayDouble ? tryAgain(part) : giveUp(part);
}

/** The platform recognises the key, but only for so long: half of it is trusted. */
async function byKey(part: PartOf, windowMs: number): Promise<Go | PartDone> {
  const { work, hold, turn, send } = part;
  const fencedAt = work.deps.clock.monotonic();
  const at = { turnId: turn.id, part: send.part, maxTries: work.settings.maxTries, withinMs: windowMs / 2 };
  const start = await work.deps.ledger.resend(hold.lease, at);
  if (start !== 'too_old') return again(part, start, fencedAt);
  await waitUntilLanded(part);
  return part.policy.channel.find ? byReadback(part) : giveUp(part);
}

async function byReadback(part: PartOf): Promise<Go | PartDone> {
  const { work } = part;
  try {
    if (await lookUp(part)) return { kind: 'next' };
  } catch (error) {
    part.hold.signal.throwIfAborted();
    if (isFinal(error)) return giveUp(part);
    work.deps.telemetry.log.warn({ err: error, conversationId: part.conversation.id }, 'could not read back an ambiguous send');
    return { kind: 'park', ms: backoffMs(2, work.settings.retryDelayMs) };
  }
  return tryAgain(part);
}

async function tryAgain(part: PartOf): Promise<Go | PartDone> {
  const { work, hold, turn, send } = part;
  const fencedAt = work.deps.clock.monotonic();
  const start = await work.deps.ledger.resend(hold.lease, { turnId: turn.id, part: send.part, maxTries: work.settings.maxTries });
  return start === 'too_old' ? { kind: 'reread' } : again(part, start, fencedAt);
}

async function again(part: PartOf, start: Exclude<Start, 'too_old'>, fencedAt: number): Promise<Go | PartDone> {
  count(part, start === 'go' ? 'sent_again' : start);
  part.send.ambiguous = true;
  if (start === 'go') part.send.tries += 1;
  if (start === 'taken') await waitUntilLanded(part);
  return fenced(start, fencedAt);
}

/** Nobody can tell, and nothing resends it in the background: an operator decides. */
async function giveUp(part: PartOf): Promise<PartDone> {
  const { work, hold, turn, send } = part;
  const error = 'the platform may or may not show it';
  await work.deps.ledger.endPart(hold.lease, { turnId: turn.id, part: send.part, end: { state: 'unknown', error } });
  count(part, 'unknown');
  return { kind: 'stop' };
}

/** True when the platform shows the part; it is then recorded as sent. Throws when the platform cannot tell. */
export async function lookUp(part: PartOf): Promise<boolean> {
  const { policy, conversation, send, turn, work, hold } = part;
  const find = policy.channel.find?.bind(policy.channel);
  if (!find) return false;
  const { clock } = work.deps;
  const ms = policy.channel.requestMs * READ_BACK_REQUESTS;
  const found = await within({ clock, ms, code: 'readback_timeout', signal: hold.signal }, (signal) =>
    find({ conversation, key: send.key, text: send.text }, signal),
  );
  if (found === null) return false;
  await work.deps.ledger.recordSent({ turnId: turn.id, part: send.part, providerId: found });
  count(part, 'found');
  return true;
}

function count(part: PartOf, resolution: string): void {
  part.work.deps.telemetry.meter.count('ambiguous_sends_total', { channel: part.policy.channel.kind, resolution });
}
