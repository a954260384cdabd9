import { backoffMs } from '../domain/backoff.ts';
import type { StoredTurn } from '../domain/turn.ts';
import type { SendResult } from '../ports/channel.ts';
import { within } from './deadline.ts';
import { AGAIN, type Step } from './deps.ts';
import { fenced, type Go, type PartDone, type PartOf, type TurnOf } from './part.ts';
import { lookUp, resolve, waitUntilLanded } from './resolve.ts';

/** Bytes are written within this of asking for the fence, or not at all, ms. */
const FENCE_MS = 1000;

/** Delivers what is not delivered yet of a stored reply, part by part, and settles it. */
export async function deliver(turnOf: TurnOf, turn: StoredTurn): Promise<Step> {
  for (const send of turn.sends) {
    const done = await deliverPart({ ...turnOf, turn, send, writtenAt: null });
    if (done.kind === 'park') return done;
    if (done.kind === 'reread') return AGAIN;
    if (done.kind === 'taken') return close(turnOf, turn);
    if (done.kind === 'stop') break;
  }
  const settled = await turnOf.work.deps.ledger.settle(turnOf.hold.lease, turn.id);
  return ended(turnOf, settled.ending);
}

/** A person took over: nothing more is said. What was on its way has been waited for, so that nothing of theirs overtakes it. */
async function close(turnOf: TurnOf, turn: StoredTurn): Promise<Step> {
  const settled = await turnOf.work.deps.ledger.close(turnOf.hold.lease, turn.id);
  return ended(turnOf, settled.ending);
}

function ended(turnOf: TurnOf, ending: string): Step {
  const { deps } = turnOf.work;
  const seconds = (deps.clock.monotonic() - turnOf.startedAt) / 1000;
  deps.telemetry.meter.observe('job_duration_seconds', { job_type: 'turn', org_id: turnOf.hold.lease.orgId, status: ending }, seconds);
  deps.telemetry.meter.count('turn_endings_total', { channel: turnOf.policy.channel.kind, ending });
  deps.turnEnded(turnOf.conversation.id);
  return AGAIN;
}

async function deliverPart(part: PartOf): Promise<PartDone> {
  for (;;) {
    const fence = await fenceOf(part);
    if (fence.kind !== 'go') return fence;
    const result = await post(part, fence);
    const done = await record(part, result);
    if (done.kind !== 'ambiguous') return done;
  }
}

/** Asks the store whether the part may be written now. */
async function fenceOf(part: PartOf): Promise<Go | PartDone> {
  switch (part.send.state) {
    case 'sent':
      return { kind: 'next' };
    case 'failed':
    case 'unknown':
    case 'cancelled':
      return { kind: 'stop' };
    case 'sending':
      return resolve(part);
    case 'planned':
      return start(part);
  }
}

async function start(part: PartOf): Promise<Go | PartDone> {
  const { work, hold, turn, send } = part;
  if (send.ambiguous && (await lookUp(part))) return { kind: 'next' };
  const fencedAt = work.deps.clock.monotonic();
  const start = await work.deps.ledger.startPart(hold.lease, { turnId: turn.id, part: send.part, maxTries: work.settings.maxTries });
  if (start === 'too_old') return { kind: 'reread' };
  if (start === 'go') markSending(part);
  return fenced(start, fencedAt);
}

function markSending(part: PartOf): void {
  part.send.state = 'sending';
  part.send.tries += 1;
}

/** Sends one part under its deadline. Too late after the fence, it is not written, and counts as ambiguous. */
async function post(part: PartOf, fence: Go): Promise<SendResult> {
  const { policy, conversation, send, hold } = part;
  const { clock } = part.work.deps;
  if (clock.monotonic() - fence.fencedAt > FENCE_MS) return { kind: 'ambiguous', error: 'the fence was too old to write' };
  part.writtenAt = clock.monotonic();
  const ms = policy.channel.requestMs;
  try {
    return await within({ clock, ms, code: 'send_timeout', signal: hold.signal }, (signal) =>
      policy.channel.send({ conversation, key: send.key, text: send.text }, signal),
    );
  } catch (error) {
    return { kind: 'ambiguous', error: error instanceof Error ? error.message : String(error) };
  }
}

/** Writes down what became of a try. */
async function record(part: PartOf, result: SendResult): Promise<PartDone | { kind: 'ambiguous' }> {
  const { send, turn, hold } = part;
  const { ledger } = part.work.deps;
  const at = { turnId: turn.id, part: send.part };
  switch (result.kind) {
    case 'sent':
      await ledger.recordSent({ ...at, providerId: result.providerId });
      return { kind: 'next' };
    case 'ambiguous':
      await ledger.endPart(hold.lease, { ...at, end: { state: 'ambiguous', error: result.error } });
      send.ambiguous = true;
      return { kind: 'ambiguous' };
    case 'refused_for_now':
      return refused(part, result);
    case 'failed':
      return failed(part, result);
  }
}

/** Certainly not shown, this time. An earlier try may have been: then what the platform shows decides. */
async function failed(part: PartOf, result: SendResult & { kind: 'failed' }): Promise<PartDone> {
  if (part.send.ambiguous) {
    await waitUntilLanded(part);
    if (await lookUp(part)) return { kind: 'next' };
  }
  const { turn, send, hold } = part;
  const end = { state: 'failed', error: result.error, reason: result.reason } as const;
  await part.work.deps.ledger.endPart(hold.lease, { turnId: turn.id, part: send.part, end });
  return { kind: 'stop' };
}

async function refused(part: PartOf, result: SendResult & { kind: 'refused_for_now' }): Promise<PartDone> {
  const { send, turn, hold, work } = part;
  const retryInMs = backoffMs(send.tries, work.settings.retryDelayMs, result.retryAfterMs);
  await work.deps.ledger.endPart(hold.lease, { turnId: turn.id, part: send.part, end: { state: 'planned', retryInMs, error: result.error } });
  return { kind: 'park', ms: retryInMs };
}
