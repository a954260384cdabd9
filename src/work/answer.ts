import { backoffMs } from '../domain/backoff.ts';
import { say } from '../domain/catalogue/index.ts';
import { isFinal, ResponderError } from '../domain/errors.ts';
import { cleanText } from '../domain/message.ts';
import type { OpenLane } from '../domain/lane.ts';
import type { Reply } from '../domain/turn.ts';
import type { Begun } from '../ports/mailbox.ts';
import type { Answer } from '../ports/responder.ts';
import { within } from './deadline.ts';
import { deliver } from './deliver.ts';
import type { TurnOf } from './part.ts';
import { AGAIN, type Step } from './deps.ts';
import { burstMs, gather, type Gathered } from './gather.ts';
import { localeOf, questionOf } from './question.ts';
import { Typing } from './typing.ts';

/** Answers what waits at the head of the lane: gather ▸ begin ▸ respond ▸ store ▸ deliver. */
export async function answer(turnOf: TurnOf, open: OpenLane): Promise<Step> {
  if (turnOf.conversation.doubt) return examine(turnOf);
  const gathered = gather(open, turnOf.policy);
  const wait = burstMs(gathered, turnOf.policy);
  if (wait > 0) return { kind: 'park', ms: wait };
  const { deps, settings } = turnOf.work;
  const { maxAttempts, maxCrashes, history } = settings;
  const begun = await deps.mailbox.begin(turnOf.hold.lease, { seqs: gathered.seqs, maxAttempts, maxCrashes, history });
  const exhausted = begun.exhausted[0];
  if (exhausted) return apologize(turnOf, begun, exhausted);
  return attempt(turnOf, gathered, begun);
}

/**
 * The platform's state contradicts ours: it is asked before anything is said. When it will never tell, the doubt is dropped: what its
 * webhooks said has named no person.
 */
async function examine(turnOf: TurnOf): Promise<Step> {
  const { deps, settings } = turnOf.work;
  try {
    await deps.examine(turnOf.conversation);
    return AGAIN;
  } catch (error) {
    turnOf.hold.signal.throwIfAborted();
    if (isFinal(error)) await deps.conversations.clearDoubt(turnOf.conversation.id);
    deps.telemetry.log.warn({ err: error, conversationId: turnOf.conversation.id }, 'could not ask the platform who owns a conversation');
    return { kind: 'park', ms: backoffMs(2, settings.retryDelayMs) };
  }
}

async function attempt(turnOf: TurnOf, gathered: Gathered, begun: Begun): Promise<Step> {
  const { work, hold, conversation } = turnOf;
  const typing = new Typing(turnOf);
  typing.start();
  try {
    const reply = await replyTo(turnOf, begun);
    const turnId = work.deps.newId('turn');
    const turn = await work.deps.ledger.plan(hold.lease, { turnId, seqs: gathered.seqs, reply });
    if (turn) return await deliver(turnOf, turn);
    work.deps.turnEnded(conversation.id);
    return AGAIN;
  } catch (error) {
    if (error instanceof RespondFailed) return await failed(turnOf, gathered, error.cause);
    await handBack(turnOf, gathered);
    throw error;
  } finally {
    typing.stop();
  }
}

/** The attempt was cut short by a stop or by the store: not the message's fault. A reply that is stored already keeps its members. */
async function handBack(turnOf: TurnOf, gathered: Gathered): Promise<void> {
  const { deps } = turnOf.work;
  try {
    await deps.mailbox.handBack(turnOf.hold.lease, gathered.seqs);
  } catch (error) {
    deps.telemetry.log.warn({ err: error, conversationId: turnOf.conversation.id }, 'an attempt could not be handed back');
  }
}

/** Marks that the responder failed, as opposed to the store or the lease. */
class RespondFailed extends Error {}

async function replyTo(turnOf: TurnOf, begun: Begun): Promise<Reply> {
  const { policy, hold } = turnOf;
  const messages = begun.messages.filter((message) => !message.withdrawn);
  if (messages.length === 0) return { kind: 'answer', parts: [], responder: policy.responder.name };
  const question = questionOf(turnOf, { messages, history: begun.history });
  try {
    const result = await respond(turnOf, (signal) => policy.responder.respond(question, signal));
    const text = cleanText(result.text).trim();
    const parts = text === '' ? [] : policy.channel.split(text);
    countTokens(turnOf, result);
    return { kind: 'answer', parts, responder: policy.responder.name, model: result.model, usage: result.usage };
  } catch (error) {
    hold.signal.throwIfAborted();
    throw new RespondFailed('the responder failed', { cause: error });
  }
}

function countTokens(turnOf: TurnOf, answer: Answer): void {
  if (!answer.usage) return;
  const { meter } = turnOf.work.deps.telemetry;
  const labels = { org_id: turnOf.hold.lease.orgId, model: answer.model ?? 'unknown' };
  meter.count('llm_tokens_total', { ...labels, direction: 'input' }, answer.usage.inputTokens);
  meter.count('llm_tokens_total', { ...labels, direction: 'output' }, answer.usage.outputTokens);
}

/** Two deadlines: the responder's own, and the hard end of the attempt. */
function respond(turnOf: TurnOf, task: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const { clock } = turnOf.work.deps;
  const { respondMs, attemptMs } = turnOf.work.settings;
  return within({ clock, ms: Math.min(respondMs, attemptMs), code: 'responder_timeout', signal: turnOf.hold.signal }, task);
}

async function failed(turnOf: TurnOf, gathered: Gathered, cause: unknown): Promise<Step> {
  const { work, hold, conversation } = turnOf;
  const { maxAttempts, retryDelayMs } = work.settings;
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const retryAfterMs = error instanceof ResponderError ? error.retryAfterMs : 0;
  const attempts = gathered.attempts + 1;
  const last = gathered.seqs.length === 1 && attempts >= maxAttempts;
  const retryInMs = last ? 0 : backoffMs(attempts, retryDelayMs, retryAfterMs);
  work.deps.telemetry.log.warn({ err: error, conversationId: conversation.id, attempt: attempts, retryInMs }, 'an attempt to answer failed');
  work.deps.telemetry.meter.count('job_retry_count', { job_type: 'turn', org_id: hold.lease.orgId });
  await work.deps.mailbox.fail(hold.lease, { seqs: gathered.seqs, error: error.message, retryInMs });
  return AGAIN;
}

/** The apology is a reply like any other: stored, fenced, sent once. Its jobs die when it is settled. */
async function apologize(turnOf: TurnOf, begun: Begun, death: Begun['exhausted'][number]): Promise<Step> {
  const { work, hold } = turnOf;
  const text = say(death.reason === 'crashed' ? 'apology_crashed' : 'apology', localeOf(turnOf, begun.messages));
  const reply: Reply = { kind: 'apology', parts: [text], responder: 'catalogue', deadReason: death.reason };
  const turn = await work.deps.ledger.plan(hold.lease, { turnId: work.deps.newId('turn'), seqs: [death.seq], reply });
  return turn ? deliver(turnOf, turn) : AGAIN;
}
