import { backoffMs } from '../domain/backoff.ts';
import { say } from '../domain/catalogue/index.ts';
import { isFinal } from '../domain/errors.ts';
import type { OpenJob, Outcome } from '../domain/job.ts';
import { within } from './deadline.ts';
import { AGAIN, type Step } from './deps.ts';
import type { TurnOf } from './part.ts';
import { tellOutcome } from './tell.ts';

/** Handing over may take this many of the channel's requests. */
const HAND_OVER_REQUESTS = 3;

/** Why the bot leaves a conversation to people. */
export type HandOverReason = 'outside_hours' | 'bot_loop';

/**
 * Gives the conversation to people: on the platform, where its channel can, then in the store; from then on the bot is silent there. Throws
 * what the channel throws, with nothing changed in the store.
 */
export async function giveToPeople(turnOf: TurnOf, reason: HandOverReason): Promise<void> {
  const { work, hold, policy, conversation } = turnOf;
  const { channel } = policy;
  const { clock, conversations, telemetry } = work.deps;
  const note = say(`handed_over_${reason}`, policy.locale);
  if (channel.handOver) {
    const ms = channel.requestMs * HAND_OVER_REQUESTS;
    const handOver = channel.handOver.bind(channel);
    await within({ clock, ms, code: 'hand_over_timeout', signal: hold.signal }, (signal) => handOver(conversation, note, signal));
  }
  const { id: conversationId, orgId, channelId, externalId } = conversation;
  await conversations.setOwner({ orgId, channelId, conversationId, externalId, owner: 'human', at: clock.now() });
  telemetry.meter.count('handovers_total', { channel: channel.kind, reason });
  telemetry.log.info({ channelId, conversationId, reason }, 'the bot left a conversation to people');
}

/** Runs a `handoff` job: the message it is about is left to people. */
export async function handOver(turnOf: TurnOf, job: OpenJob): Promise<Step> {
  const { work, hold } = turnOf;
  const { mailbox } = work.deps;
  const { maxAttempts, maxCrashes } = work.settings;
  const begun = await mailbox.begin(hold.lease, { seqs: [job.seq], maxAttempts, maxCrashes, history: 0 });
  const exhausted = begun.exhausted[0];
  const isWithdrawn = begun.messages.some((message) => message.withdrawn);
  if (isWithdrawn && !exhausted) {
    const withdrawn: Outcome = { kind: 'cancelled', reason: 'withdrawn' };
    await mailbox.complete(hold.lease, { seqs: [job.seq], outcome: withdrawn, ending: 'suppressed' });
    tellOutcome(work, hold, { job, outcome: withdrawn });
    return AGAIN;
  }
  const outcome: Outcome = exhausted ? { kind: 'dead', reason: exhausted.reason, error: 'its attempts are used up' } : await attempt(turnOf, job);
  await mailbox.complete(hold.lease, { seqs: [job.seq], outcome, ...(outcome.kind === 'completed' && { ending: 'handed_off', reason: 'outside_hours' }) });
  tellOutcome(work, hold, { job, outcome });
  return AGAIN;
}

async function attempt(turnOf: TurnOf, job: OpenJob): Promise<Outcome> {
  const { work, hold, conversation } = turnOf;
  try {
    await giveToPeople(turnOf, 'outside_hours');
    return { kind: 'completed' };
  } catch (error) {
    hold.signal.throwIfAborted();
    work.deps.telemetry.log.warn({ err: error, conversationId: conversation.id }, 'could not leave a conversation to people');
    const text = error instanceof Error ? error.message : String(error);
    if (isFinal(error)) return { kind: 'dead', reason: 'channel_auth', error: text };
    return { kind: 'retry', inMs: backoffMs(job.attempts + 1, work.settings.retryDelayMs), error: text };
  }
}
