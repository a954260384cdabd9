import { backoffMs } from '../domain/backoff.ts';
import type { StoredTurn } from '../domain/turn.ts';
import type { Settled, Start } from '../ports/ledger.ts';
import type { SendResult } from '../ports/channel.ts';
import type { Pass } from '../ports/gate.ts';
import { ofSend } from './call-result.ts';
import { within } from './deadline.ts';
import { AGAIN, type Step } from './deps.ts';
import { tryKey, type Ask, type PartDone, type PartOf, type TurnOf } from './part.ts';
import { tellTurn } from './tell.ts';
import { lookUp, recordSent, resolve, tooOld, waitUntilLanded } from './resolve.ts';

/** Bytes are written within this of asking for the fence, or not at all, ms. */
const FENCE_MS = 1000;

/** Delivers what is not delivered yet of a stored reply, part by part, and settles it. */
export async function deliver(turnOf: TurnOf, turn: StoredTurn): Promise<Step> {
  for (const send of turn.sends) {
    const done = await deliverPart({ ...turnOf, turn, send });
    if (done.kind === 'park') return done;
    if (done.kind === 'reread') return AGAIN;
    if (done.kind === 'taken') return close(turnOf, turn);
    if (done.kind === 'stop') break;
  }
  const settled = await turnOf.work.deps.ledger.settle(turnOf.hold.lease, turn.id);
  return ended(turnOf, turn, settled);
}

/** A person took over: nothing more is said. What was on its way has landed by now, so that nothing of theirs overtakes it. */
async function close(turnOf: TurnOf, turn: StoredTurn): Promise<Step> {
  const settled = await turnOf.work.deps.ledger.close(turnOf.hold.lease, turn.id);
  return ended(turnOf, turn, settled);
}

function ended(turnOf: TurnOf, turn: StoredTurn, settled: Settled): Step {
  const { deps } = turnOf.work;
  const { kind } = turn;
  const { ending } = settled;
  tellTurn(turnOf.work, turnOf.hold, { turn, settled });
  const jobType = kind === 'notice' ? 'notice' : 'turn';
  const seconds = (deps.clock.monotonic() - turnOf.startedAt) / 1000;
  deps.telemetry.meter.observe('job_duration_seconds', { job_type: jobType, org_id: turnOf.hold.lease.orgId, status: ending }, seconds);
  if (kind === 'answer') turnOf.work.replies.replied(turnOf.conversation.id, deps.clock.monotonic());
  if (kind !== 'notice') deps.telemetry.meter.count('turn_endings_total', { channel: turnOf.policy.channel.kind, ending });
  deps.turnEnded(turnOf.conversation.id);
  return { kind: 'ended', seqs: turn.members };
}

async function deliverPart(part: PartOf): Promise<PartDone> {
  for (;;) {
    const ask = await nextOf(part);
    if (ask.kind !== 'ask') return ask;
    const done = await tryOnce(part, ask);
    if (done.kind !== 'ambiguous') return done;
  }
}

/** What the part's state calls for. */
async function nextOf(part: PartOf): Promise<Ask | PartDone> {
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
      return { kind: 'ask', fence: () => startPart(part) };
  }
}

function startPart(part: PartOf): Promise<Start> {
  const { work, hold, turn, send } = part;
  const { maxTries, patienceMs } = work.settings;
  return work.deps.ledger.startPart(hold.lease, { turnId: turn.id, part: send.part, maxTries, patienceMs });
}

/**
 * Fence, write, record. The last try runs alone in the process: were it to crash, nothing beside it would be suspected. To be alone it waits for all
 * others and holds them up, which is not done for a send that would only be put back.
 */
async function tryOnce(part: PartOf, ask: Ask): Promise<PartDone | { kind: 'ambiguous' }> {
  const alone = part.send.tries >= part.work.settings.maxTries - 1;
  const shutMs = alone && maySpeak(part) ? part.policy.sendGate.shutMs() : 0;
  if (shutMs > 0) return { kind: 'park', ms: putBack(part, 'open', shutMs) };
  const written = await part.work.quarantine.run(alone, () => throughGate(part, ask));
  if ('waitMs' in written) return { kind: 'park', ms: written.waitMs };
  return 'result' in written ? record(part, written.result) : notWritten(part, written.start);
}

type Written = { result: SendResult } | { start: Exclude<Start, 'go'> | 'look' };

const maySpeak = ({ conversation, turn }: PartOf): boolean => conversation.owner === 'bot' && conversation.ownerEpoch === turn.ownerEpoch;

function putBack({ work, policy }: PartOf, why: string, ms: number): number {
  work.deps.telemetry.meter.count('put_back_total', { gate: policy.sendGate.name, why });
  return ms;
}

/** While the platform takes nothing, the part is put back: no try is counted. Once a person took over there is only that to write down. */
async function throughGate(part: PartOf, ask: Ask): Promise<Written | { waitMs: number }> {
  const { policy, hold, send } = part;
  if (!maySpeak(part)) return write(part, ask, null);
  const entry = await policy.sendGate.enter({ orgId: hold.lease.orgId, isRetry: send.tries > 0 });
  if (entry.kind === 'wait') return { waitMs: putBack(part, entry.why, entry.ms) };
  try {
    return await write(part, ask, entry.pass);
  } finally {
    entry.pass.leave({ kind: 'unused' });
  }
}

async function write(part: PartOf, ask: Ask, pass: Pass | null): Promise<Written> {
  const { clock } = part.work.deps;
  part.hold.signal.throwIfAborted();
  const fencedAt = clock.monotonic();
  const start = await ask.fence();
  if (start !== 'go') return { start };
  // An operator sends again what may have been shown: what the platform shows is looked at first.
  if (part.send.state === 'planned' && part.send.ambiguous && part.policy.channel.find) return { start: 'look' };
  part.send.state = 'sending';
  part.send.tries += 1;
  if (part.hold.signal.aborted) return { result: { kind: 'refused_for_now', error: 'the process is stopping' } };
  if (clock.monotonic() - fencedAt > FENCE_MS) return { result: { kind: 'refused_for_now', error: 'the fence was too old to write' } };
  const result = await post(part);
  pass?.leave(part.hold.signal.aborted ? { kind: 'unused' } : ofSend(result));
  return { result };
}

async function notWritten(part: PartOf, start: Exclude<Start, 'go'> | 'look'): Promise<PartDone | { kind: 'ambiguous' }> {
  switch (start) {
    case 'taken':
      if (part.send.state === 'sending') await waitUntilLanded(part);
      return { kind: 'taken' };
    case 'given_up':
      return { kind: 'stop' };
    case 'ended':
      return { kind: 'reread' };
    case 'too_old':
      return tooOld(part);
    case 'look':
      part.send.state = 'sending';
      part.send.tries += 1;
      return { kind: 'ambiguous' };
  }
}

/** Sends one part under its deadline. */
async function post(part: PartOf): Promise<SendResult> {
  const { policy, conversation, send, hold, work } = part;
  const { channel } = policy;
  const { clock } = work.deps;
  work.landings.writes(tryKey(part), clock.monotonic() + channel.requestMs + channel.landingMs);
  try {
    return await within({ clock, ms: channel.requestMs, code: 'send_timeout', signal: hold.signal }, (signal) =>
      channel.send({ conversation, key: send.key, text: send.text }, signal),
    );
  } catch (error) {
    return { kind: 'ambiguous', error: error instanceof Error ? error.message : String(error) };
  }
}

/** Writes down what became of a try. */
async function record(part: PartOf, result: SendResult): Promise<PartDone | { kind: 'ambiguous' }> {
  const { send, turn, hold } = part;
  switch (result.kind) {
    case 'sent':
      await recordSent(part, result.providerId);
      return { kind: 'next' };
    case 'ambiguous':
      await part.work.deps.ledger.endPart(hold.lease, { turnId: turn.id, part: send.part, end: { state: 'ambiguous', error: result.error } });
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
  const { turn, send, hold } = part;
  const { ledger, telemetry } = part.work.deps;
  if (send.ambiguous) {
    try {
      if (await lookUp(part)) return { kind: 'next' };
    } catch (error) {
      telemetry.log.warn({ err: error, conversationId: part.conversation.id }, 'could not read back a send that failed in the end');
    }
  }
  const end = { state: 'failed', error: result.error, reason: result.reason } as const;
  await ledger.endPart(hold.lease, { turnId: turn.id, part: send.part, end });
  return { kind: 'stop' };
}

async function refused(part: PartOf, result: SendResult & { kind: 'refused_for_now' }): Promise<PartDone> {
  const { send, turn, hold, work } = part;
  const retryInMs = backoffMs(send.tries, work.settings.retryDelayMs, result.retryAfterMs);
  await work.deps.ledger.endPart(hold.lease, { turnId: turn.id, part: send.part, end: { state: 'planned', retryInMs, error: result.error } });
  return { kind: 'park', ms: retryInMs };
}
