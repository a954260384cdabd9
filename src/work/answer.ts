import { backoffMs } from '../domain/backoff.ts';
import type { LoopSign } from '../domain/bot-loop.ts';
import { say } from '../domain/catalogue/index.ts';
import { isFinal, LeaseLost, ResponderError, StoreFailed, StoreTimeout } from '../domain/errors.ts';
import { cleanText } from '../domain/message.ts';
import type { OpenLane } from '../domain/lane.ts';
import type { Reply, StoredTurn } from '../domain/turn.ts';
import type { Gate, Pass } from '../ports/gate.ts';
import type { Begun } from '../ports/mailbox.ts';
import type { Answer } from '../ports/responder.ts';
import { breakLoop, historyToRead, signOf } from './break-loop.ts';
import { ofAnswer, ofError } from './call-result.ts';
import { within } from './deadline.ts';
import { deliver } from './deliver.ts';
import type { TurnOf } from './part.ts';
import { AGAIN, type Step } from './deps.ts';
import { burstMs, gather, type Gathered } from './gather.ts';
import { localeOf, questionOf } from './question.ts';
import { codeOf, tell } from './tell.ts';
import { Typing } from './typing.ts';

/** Answers what waits at the head of the lane: gather ▸ begin ▸ respond ▸ store ▸ deliver. */
export async function answer(turnOf: TurnOf, open: OpenLane): Promise<Step> {
  const gathered = gather(open, turnOf.policy);
  const wait = burstMs(gathered, turnOf.policy);
  if (wait > 0) return { kind: 'park', ms: wait };
  const alone = gathered.crashes >= turnOf.work.settings.maxCrashes - 1;
  const gate = gateOf(turnOf, gathered);
  // To be alone a turn waits for all others and holds them up: not one that would only be put back.
  const shutMs = alone && gate ? gate.shutMs() : 0;
  if (gate && shutMs > 0) return { kind: 'park', ms: putBack(turnOf, gate, { why: 'open', ms: shutMs }) };
  const typing = new Typing(turnOf);
  try {
    const tried = await turnOf.work.quarantine.run(alone, () => throughGate(turnOf, gathered, typing));
    if (tried.kind === 'wait') return { kind: 'park', ms: tried.ms };
    return tried.turn ? await deliver(turnOf, tried.turn) : AGAIN;
  } finally {
    typing.stop();
  }
}

type Tried = { kind: 'tried'; turn: StoredTurn | null } | { kind: 'wait'; ms: number };

/** Nobody is called, so nobody is waited for. */
const NO_CALL: Pass = { leave: () => undefined };

/** Null: nobody will be asked, or what is asked stands behind no gate. */
function gateOf({ work, policy }: TurnOf, { attempts, crashes }: Gathered): Gate | null {
  const { maxAttempts, maxCrashes } = work.settings;
  return attempts < maxAttempts && crashes < maxCrashes ? policy.askGate : null;
}

function putBack({ work }: TurnOf, { name }: Gate, { why, ms }: { why: string; ms: number }): number {
  work.deps.telemetry.meter.count('put_back_total', { gate: name, why });
  return ms;
}

/** While the one who would be asked takes no call, the turn is put back: no attempt is counted, and no slot held. */
async function throughGate(turnOf: TurnOf, gathered: Gathered, typing: Typing): Promise<Tried> {
  const gate = gateOf(turnOf, gathered);
  if (!gate) {
    typing.start();
    return { kind: 'tried', turn: await attempt(turnOf, gathered, NO_CALL) };
  }
  const entry = await gate.enter({ orgId: turnOf.hold.lease.orgId, isRetry: gathered.attempts > 0 });
  if (entry.kind === 'wait') return { kind: 'wait', ms: putBack(turnOf, gate, entry) };
  try {
    typing.start();
    return { kind: 'tried', turn: await attempt(turnOf, gathered, entry.pass) };
  } finally {
    entry.pass.leave({ kind: 'unused' });
  }
}

/** From counting the attempt to the stored reply. Null: it failed, or there is nothing to say. */
async function attempt(turnOf: TurnOf, gathered: Gathered, pass: Pass): Promise<StoredTurn | null> {
  const { deps, settings } = turnOf.work;
  const { maxAttempts, maxCrashes, history } = settings;
  const begun = await deps.mailbox.begin(turnOf.hold.lease, { seqs: gathered.seqs, maxAttempts, maxCrashes, history: historyToRead(history) });
  const exhausted = begun.exhausted[0];
  if (exhausted) return apologize(turnOf, begun, exhausted);
  try {
    const sign = signOf(turnOf, begun);
    const turn = sign ? await withoutAnswer(turnOf, gathered, sign) : await plan(turnOf, gathered, await replyTo(turnOf, begun, pass));
    if (!turn) deps.turnEnded(turnOf.conversation.id);
    tellUnsaid(turnOf, gathered, turn);
    return turn;
  } catch (error) {
    if (!(error instanceof AttemptFailed)) throw error;
    await failed(turnOf, gathered, error.cause);
    return null;
  }
}

/** Leaving a conversation to people can fail, like an answer. In the end there is silence: an apology would be answered by the program, too. */
async function withoutAnswer(turnOf: TurnOf, gathered: Gathered, sign: LoopSign): Promise<null> {
  const { policy, work } = turnOf;
  try {
    await breakLoop(turnOf, gathered.seqs, { sign, action: policy.onLoop === 'handoff' ? 'handoff' : 'silence' });
    return null;
  } catch (error) {
    turnOf.hold.signal.throwIfAborted();
    if (error instanceof LeaseLost || error instanceof StoreFailed || error instanceof StoreTimeout) throw error;
    if (!isFinal(error) && gathered.attempts + 1 < work.settings.maxAttempts) throw new AttemptFailed('a loop could not be left to people', { cause: error });
    await breakLoop(turnOf, gathered.seqs, { sign, action: 'silence' });
    return null;
  }
}

/** Those that the reply does not answer have ended with its storing: withdrawn, taken over, or nothing to say. */
function tellUnsaid({ work, hold }: TurnOf, gathered: Gathered, turn: StoredTurn | null): void {
  const unsaid = gathered.seqs.filter((seq) => !turn?.members.includes(seq));
  for (const seq of unsaid) tell(work, hold, { seq, kind: 'turn', happening: { type: 'completed', outcome: 'unsaid' } });
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

async function replyTo(turnOf: TurnOf, begun: Begun, pass: Pass): Promise<Reply> {
  const { policy, hold } = turnOf;
  const messages = begun.messages.filter((message) => !message.withdrawn);
  if (messages.length === 0) return { kind: 'answer', parts: [], responder: policy.responder.name };
  const { history } = turnOf.work.settings;
  const question = questionOf(turnOf, { messages, history: history > 0 ? begun.history.slice(-history) : [] });
  try {
    const result = await respond(turnOf, (signal) => policy.responder.respond(question, signal));
    pass.leave(ofAnswer(result));
    const text = cleanText(result.text).trim();
    const parts = text === '' ? [] : policy.channel.split(text);
    countTokens(turnOf, origin(result));
    return { kind: 'answer', parts, responder: policy.responder.name, ...origin(result) };
  } catch (error) {
    hold.signal.throwIfAborted();
    pass.leave(ofError(error));
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
  for (const seq of gathered.seqs) tell(work, hold, { seq, kind: 'turn', happening: { type: 'failed', attempt: attempts, error: codeOf(error), retryInMs } });
}

/** The apology is a reply like any other: stored, fenced, sent once. Its jobs die when it is settled. */
function apologize(turnOf: TurnOf, begun: Begun, death: Begun['exhausted'][number]): Promise<StoredTurn | null> {
  const { work, hold } = turnOf;
  const text = say(death.reason === 'crashed' ? 'apology_crashed' : 'apology', localeOf(turnOf, begun.messages));
  const reply: Reply = { kind: 'apology', parts: [text], responder: 'catalogue', deadReason: death.reason };
  return work.deps.ledger.plan(hold.lease, { turnId: work.deps.newId('turn'), seqs: [death.seq], reply });
}
