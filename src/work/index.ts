/**
 * lane → reply. A claimed lane is drained: look at its first open job, do what it needs, look again; give the lane back when
 * nothing is open (release) or when the first job must wait (park).
 *
 *   gather ▸ respond ▸ fence ▸ deliver ▸ settle        for turns: gather.ts, answer.ts, deliver.ts, resolve.ts
 *   begin ▸ fence ▸ deliver ▸ settle                   for what is said unasked: notice.ts; hand-over.ts leaves a conversation to people
 *   begin ▸ handle ▸ complete                          for other kinds of jobs: run-job.ts
 */
import { LeaseLost } from '../domain/errors.ts';
import { isTaken, SPEAKING, type OpenLane } from '../domain/lane.ts';
import type { OpenJob } from '../domain/job.ts';
import type { Drain, Drained } from '../ports/engine.ts';
import { deliver } from './deliver.ts';
import { examine } from './doubt.ts';
import { handOver } from './hand-over.ts';
import { sayNotice } from './notice.ts';
import type { TurnOf } from './part.ts';
import { AGAIN, type Hold, type Step, type Work, type WorkDeps, type WorkSettings } from './deps.ts';
import { Landings, Patience } from './landings.ts';
import { answer } from './answer.ts';
import { Heartbeat } from './heartbeat.ts';
import { Quarantine } from './quarantine.ts';
import { ReplyCounts } from './reply-counts.ts';
import { isRunnable, runJob } from './run-job.ts';
import { tell, tellStalled, tellTurn } from './tell.ts';

export { followingLegacy } from './legacy-job.ts';
export type { TurnPolicy, WorkDeps, WorkSettings } from './deps.ts';

/** How long a lane rests after the store failed under it, ms. */
const REST_MS = 1000;

/** Makes the function that drains claimed lanes. It resolves when the lane is given back, or was lost. */
export function createWork(deps: WorkDeps, settings: WorkSettings): Drain {
  const work: Work = { deps, settings, quarantine: new Quarantine(), landings: new Landings(), patience: new Patience(), replies: new ReplyCounts() };
  const heartbeat = new Heartbeat(deps, settings.leaseMs);
  return async (claimed, signal) => {
    const stop = new AbortController();
    const forward = (): void => stop.abort(signal.reason);
    if (signal.aborted) forward();
    else signal.addEventListener('abort', forward);
    const hold: Hold = { lease: claimed.lease, claimedAt: deps.clock.monotonic(), signal: stop.signal };
    const held = { lease: claimed.lease, stop };
    heartbeat.add(held);
    tellStalled(work, hold, claimed);
    try {
      return await drain(work, hold, claimed.open);
    } catch (error) {
      await abandon(work, hold, error);
      return NOT_OURS;
    } finally {
      heartbeat.remove(held);
      signal.removeEventListener('abort', forward);
    }
  };
}

async function drain(work: Work, hold: Hold, first: OpenLane): Promise<Drained> {
  const { mailbox } = work.deps;
  const { lease, signal } = hold;
  let open = first;
  for (;;) {
    const step = signal.aborted ? PARK_NOW : await nextStep(work, hold, open);
    if (step.kind === 'park') {
      await mailbox.release(lease, { parkMs: step.ms });
      return { nextInMs: step.ms };
    }
    if (step.kind === 'drained' && (await mailbox.release(lease, { drained: open.seen })) === 'released') return { nextInMs: null };
    open = (step.kind === 'ended' ? without(step.seqs, open) : null) ?? (await mailbox.open(lease));
  }
}

/**
 * What was read, without the jobs that have ended since: nobody else ends or changes jobs of a lane in hand, and what is appended shows when it is
 * given back. Null when the lane has to be read again: for what speaks next, which depends on the owner; for what was not ready; for a reading
 * that did not reach the end of the lane.
 */
function without(seqs: number[], open: OpenLane): OpenLane | null {
  const jobs = open.jobs.filter(({ seq }) => !seqs.includes(seq));
  const [next] = jobs;
  const isCertain = next ? !SPEAKING.has(next.kind) && next.readyInMs === 0 : open.jobs.at(-1)?.seq === open.seen;
  return isCertain ? { seen: open.seen, jobs, conversation: open.conversation, turn: null } : null;
}

/**
 * Processes do not learn of a new channel or kind of jobs at the same instant, and one removed by mistake may come back: for so long after a
 * message or job was stored its lane waits for what is not configured here, ms. A file that Kubernetes mounts is new in all pods after a minute or two
 * (https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/#mounted-configmaps-are-updated-automatically).
 */
const UNROUTABLE_AFTER_MS = 180_000;
const UNKNOWN_YET: Step = { kind: 'park', ms: 5_000 };

const NOT_OURS: Drained = { nextInMs: null };
const PARK_NOW: Step = { kind: 'park', ms: 0 };

async function nextStep(work: Work, hold: Hold, open: OpenLane): Promise<Step | { kind: 'drained' }> {
  const head = open.jobs[0];
  if (!head) return { kind: 'drained' };
  if (head.readyInMs > 0 && !isTaken(head, open.conversation)) return { kind: 'park', ms: head.readyInMs };
  const isNew = head.ageMs < UNROUTABLE_AFTER_MS;
  if (!SPEAKING.has(head.kind)) return isNew && !isRunnable(work, head.kind) ? UNKNOWN_YET : runJob(work, hold, head);
  const conversation = open.conversation;
  if (!conversation) return unroutable(work, hold, open);
  const policy = work.deps.policy(conversation.channelId);
  if (!policy) return isNew ? UNKNOWN_YET : unroutable(work, hold, open);
  const turnOf = { work, hold, policy, conversation, startedAt: work.deps.clock.monotonic() };
  if (open.turn) return deliver(turnOf, open.turn);
  if (isTaken(head, conversation)) return handOff(work, hold, head);
  if (conversation.doubt) return examine(turnOf);
  return act(turnOf, open, head);
}

function act(turnOf: TurnOf, open: OpenLane, head: OpenJob): Promise<Step> {
  if (head.kind === 'notice') return sayNotice(turnOf, head);
  return head.kind === 'handoff' ? handOver(turnOf, head) : answer(turnOf, open);
}

async function handOff(work: Work, hold: Hold, head: OpenJob): Promise<Step> {
  await work.deps.mailbox.complete(hold.lease, { seqs: [head.seq], outcome: { kind: 'completed' }, ending: 'handed_off', reason: 'human_owns' });
  tell(work, hold, { seq: head.seq, kind: head.kind, happening: { type: 'completed', outcome: 'handed_off' } });
  return { kind: 'ended', seqs: [head.seq] };
}

/** Nothing can be said any more. What was stored to be said ends with its jobs. */
async function unroutable(work: Work, hold: Hold, open: OpenLane): Promise<Step> {
  const { mailbox, ledger } = work.deps;
  const error = 'the channel of this conversation is no longer configured';
  const { turn } = open;
  if (turn) {
    const end = { state: 'failed', error, reason: 'unroutable' } as const;
    for (const { part } of turn.sends) await ledger.endPart(hold.lease, { turnId: turn.id, part, end });
    tellTurn(work, hold, { turn, settled: await ledger.settle(hold.lease, turn.id) });
    return AGAIN;
  }
  const seqs = open.jobs.slice(0, 1).map((job) => job.seq);
  await mailbox.complete(hold.lease, { seqs, outcome: { kind: 'dead', reason: 'unroutable', error } });
  for (const { seq, kind } of open.jobs.slice(0, 1)) tell(work, hold, { seq, kind, happening: { type: 'dead', reason: 'unroutable' } });
  return AGAIN;
}

/** Fenced off: nothing of it is ours to write. Otherwise the lane rests, so that a failing store is not hammered. */
async function abandon(work: Work, hold: Hold, error: unknown): Promise<void> {
  const { log } = work.deps.telemetry;
  const { laneId, epoch } = hold.lease;
  if (error instanceof LeaseLost || hold.signal.reason instanceof LeaseLost) return log.warn({ laneId, epoch }, 'fenced off: another worker holds the lane');
  if (!hold.signal.aborted) log.error({ err: error, laneId }, 'the lane rests after an error');
  try {
    await giveBack(work, hold);
  } catch (second) {
    log.warn({ err: second, laneId }, 'the lane waits for its lease to end');
  }
}

/** An attempt that was cut short by a stop or by the store is not the message's fault: it gets it back. */
async function giveBack(work: Work, hold: Hold): Promise<void> {
  const { mailbox } = work.deps;
  const { jobs } = await mailbox.open(hold.lease);
  const cut = jobs.filter((job) => job.state === 'running' && job.turnId === null).map((job) => job.seq);
  if (cut.length > 0) await mailbox.handBack(hold.lease, cut);
  await mailbox.release(hold.lease, { parkMs: hold.signal.aborted ? 0 : REST_MS });
}
