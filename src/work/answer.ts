import { backoffMs } from '../domain/backoff.ts';
import { say } from '../domain/catalogue/index.ts';
import { isFinal, ResponderError, StoreFailed } from '../domain/errors.ts';
import { cleanText } from '../domain/message.ts';
import type { OpenLane } from '../domain/lane.ts';
import type { Reply, StoredTurn } from '../domain/turn.ts';
import type { Begun } from '../ports/mailbox.ts';
import type { Answer } from '../ports/responder.ts';
import { within } from './deadline.ts';
import { deliver } from './deliver.ts';
import type { TurnOf } from './part.ts';
import { AGAIN, type Step } from './deps.ts';
import { burstMs, gather, type Gathered } from './gather.ts';
import { PATIENCE_MS } from './resolve.ts';
import { localeOf, questionOf } from './question.ts';
import { Typing } from './typing.ts';

/** Answers what waits at the head of the lane: gather ▸ begin ▸ respond ▸ store ▸ deliver. */
export async function answer(turnOf: TurnOf, open: OpenLane): Promise<Step> {
  if (turnOf.conversation.doubt) return examine(turnOf);
  const gathered = gather(open, turnOf.policy);
  const wait = burstMs(gathered, turnOf.policy);
  if (wait > 0) return { kind: 'park', ms: wait };
  const typing = new Typing(turnOf);
  typing.start();
  try {
    const alone = gathered.crashes >= turnOf.work.settings.maxCrashes - 1;
    const turn = await turnOf.work.quarantine.run(alone, () => attempt(turnOf, gathered));
    return turn ? await deliver(turnOf, turn) : AGAIN;
  } finally {
    typing.stop();
  }
}

/**
 * The platform's state contradicts ours: it is asked before anything is said. When it will never tell, the doubt is dropped: what its
 * webhooks said has named no person.
 */
async function examine(turnOf: TurnOf): Promise<Step> {
  const { deps, settings, patience } = turnOf.work;
  const { conversation, hold } = turnOf;
  try {
    await deps.examine(conversation, hold.signal);
    patience.forget(conversation.id);
    return AGAIN;
  } catch (error) {
    hold.signal.throwIfAborted();
    const { asks, forMs } = patience.inVain(conversation.id, deps.clock.monotonic());
    deps.telemetry.log.warn({ err: error, conversationId: conversation.id, asks }, 'could not ask the platform who owns a conversation');
    if (isFinal(error) || forMs > PATIENCE_MS) await deps.conversations.clearDoubt(conversation.id);
    return { kind: 'park', ms: backoffMs(asks + 1, settings.retryDelayMs) };
  }
}

/** From counting the attempt to the stored reply. Null: it failed, or there is nothing to say. */
async function attempt(turnOf: TurnOf, gathered: Gathered): Promise<StoredTurn | null> {
  const { deps, settings } = turnOf.work;
  const { maxAttempts, maxCrashes, history } = settings;
  const begun = await deps.mailbox.begin(turnOf.hold.lease, { seqs: gathered.seqs, maxAttempts, maxCrashes, history });
  const exhausted = begun.exhausted[0];
  if (exhausted) return apologize(turnOf, begun, exhausted);
  try {
    const turn = await plan(turnOf, gathered, await replyTo(turnOf, begun));
    if (!turn) deps.turnEnded(turnOf.conversation.id);
    return turn;
  } catch (error) {
    if (!(error instanceof AttemptFailed)) throw error;
    await failed(turnOf, gathered, error.cause);
    return null;
  }
}

/** A reply that the store refuses, rather than fails to take in time, would be refused again: that is a failed attempt. */
async function plan(turnOf: TurnOf, gathered: Gathered, reply: Reply): Promise<StoredTurn | null> {
  const { work, hold } = turnOf;
  try {
    return await work.deps.ledger.plan(hold.lease, { turnId: work.deps.newId('turn'), seqs: gathered.seqs, reply });
  } catch (error) {
    if (error instanceof StoreFailed) throw new AttemptFailed('the reply could not be stored', { cause: error });
    throw error;
  }
}

/** Marks that the attempt failed, as opposed to the lease, the store's time or a stop. */
class AttemptFailed extends Error {}

async function replyTo(turnOf: TurnOf, begun: Begun): Promise<Reply> {
  const { policy, hold } = turnOf;
  const messages = begun.messages.filter((message) => !message.withdrawn);
  if (messages.length === 0) return { kind: 'answer', parts: [], responder: policy.responder.name };
  const question = questionOf(turnOf, { messages, history: begun.history });
  try {
    const result = await respond(turnOf, (signal) => policy.responder.respond(question, signal));
    const text = cleanText(result.text).trim();
    const parts = text === '' ? [] : policy.channel.split(text);
    countTokens(turnOf, origin(result));
    return { kind: 'answer', parts, responder: policy.responder.name, ...origin(result) };
  } catch (error) {
    hold.signal.throwIfAborted();
    throw new AttemptFailed('the responder failed', { cause: error });
  }
}

/** Only what is known of an answer, whatever else a function returned with it. */
function origin({ model, usage }: Answer): Pick<Reply, 'model' | 'usage'> {
  const tokens = usage && { inputTokens: Number(usage.inputTokens) || 0, outputTokens: Number(usage.outputTokens) || 0 };
  return { model: typeof model === 'string' ? model : undefined, usage: tokens };
}

function countTokens(turnOf: TurnOf, answer: Pick<Reply, 'model' | 'usage'>): void {
  if (!answer.usage) return;
  const { meter } = turnOf.work.deps.telemetry;
  const labels = { org_id: turnOf.hold.lease.orgId, model: answer.model ?? 'unknown' };
  meter.count('llm_tokens_total', { ...labels, direction: 'input' }, answer.usage.inputTokens);
  meter.count('llm_tokens_total', { ...labels, direction: 'output' }, answer.usage.outputTokens);
}

/** Ends at the responder's own deadline or at the hard end of the attempt, whichever comes first. */
function respond(turnOf: TurnOf, task: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const { clock } = turnOf.work.deps;
  const { respondMs, attemptMs } = turnOf.work.settings;
  return within({ clock, ms: Math.min(respondMs, attemptMs), code: 'responder_timeout', signal: turnOf.hold.signal }, task);
}

async function failed(turnOf: TurnOf, gathered: Gathered, cause: unknown): Promise<void> {
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
}

/** The apology is a reply like any other: stored, fenced, sent once. Its jobs die when it is settled. */
function apologize(turnOf: TurnOf, begun: Begun, death: Begun['exhausted'][number]): Promise<StoredTurn | null> {
  const { work, hold } = turnOf;
  const text = say(death.reason === 'crashed' ? 'apology_crashed' : 'apology', localeOf(turnOf, begun.messages));
  const reply: Reply = { kind: 'apology', parts: [text], responder: 'catalogue', deadReason: death.reason };
  return work.deps.ledger.plan(hold.lease, { turnId: work.deps.newId('turn'), seqs: [death.seq], reply });
}
