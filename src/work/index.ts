/**
 * lane → reply. A claimed lane is drained: look at its first open job, do what it needs, look again; give the lane back when
 * nothing is open (release) or when the first job must wait (park).
 *
 *   gather ▸ respond ▸ fence ▸ deliver ▸ settle        for turns: gather.ts, respond.ts, deliver.ts, resolve.ts
 *   begin ▸ handle ▸ complete                          for other kinds of jobs: run-job.ts
 */
import { LeaseLost } from '../domain/errors.ts';
import { isTaken, type Claimed, type OpenLane } from '../domain/lane.ts';
import type { OpenJob } from '../domain/job.ts';
import { deliver } from './deliver.ts';
import { AGAIN, type Hold, type Step, type Work, type WorkDeps, type WorkSettings } from './deps.ts';
import { answer } from './answer.ts';
import { Heartbeat } from './heartbeat.ts';
import { Quarantine } from './quarantine.ts';
import { runJob } from './run-job.ts';

export type { JobHandler, TurnPolicy, WorkDeps, WorkSettings } from './deps.ts';

/** How long a lane rests after the store failed under it, ms. */
const REST_MS = 1000;

/** Makes the function that drains claimed lanes. It resolves when the lane is given back, or was lost. */
export function createWork(deps: WorkDeps, settings: WorkSettings): (claimed: Claimed, signal: AbortSignal) => Promise<void> {
  const work: Work = { deps, settings };
  const heartbeat = new Heartbeat(deps, settings.leaseMs);
  const quarantine = new Quarantine();
  return async (claimed, signal) => {
    const stop = new AbortController();
    const forward = (): void => stop.abort(signal.reason);
    if (signal.aborted) forward();
    else signal.addEventListener('abort', forward);
    const hold: Hold = { lease: claimed.lease, claimedAt: deps.clock.monotonic(), signal: stop.signal };
    const held = { lease: claimed.lease, stop };
    heartbeat.add(held);
    try {
      await drain({ work, quarantine, hold }, claimed.open);
    } catch (error) {
      await abandon(work, hold, error);
    } finally {
      heartbeat.remove(held);
      signal.removeEventListener('abort', forward);
    }
  };
}

interface Draining {
  work: Work;
  quarantine: Quarantine;
  hold: Hold;
}

async function drain(draining: Draining, first: OpenLane): Promise<void> {
  const { mailbox } = draining.work.deps;
  const { lease, signal } = draining.hold;
  let open = first;
  for (;;) {
    const step = signal.aborted ? PARK_NOW : await nextStep(draining, open);
    if (step.kind === 'park') return void (await mailbox.release(lease, { parkMs: step.ms }));
    if (step.kind === 'drained' && (await mailbox.release(lease, { drained: open.seen })) === 'released') return;
    open = await mailbox.open(lease);
  }
}

const PARK_NOW: Step = { kind: 'park', ms: 0 };

async function nextStep(draining: Draining, open: OpenLane): Promise<Step | { kind: 'drained' }> {
  const head = open.jobs[0];
  if (!head) return { kind: 'drained' };
  if (head.readyInMs > 0 && !isTaken(head, open.conversation)) return { kind: 'park', ms: head.readyInMs };
  const alone = mustRunAlone(head, open, draining.work.settings);
  return draining.quarantine.run(alone, () => stepOf(draining, open, head));
}

/** One more crash would end it, so no other turn may be in flight that could cause one. */
function mustRunAlone(head: OpenJob, open: OpenLane, settings: WorkSettings): boolean {
  const sending = open.turn?.sends.find((send) => send.state === 'sending');
  return head.crashes >= settings.maxCrashes - 1 || (sending !== undefined && sending.tries >= settings.maxTries - 1);
}

async function stepOf(draining: Draining, open: OpenLane, head: OpenJob): Promise<Step> {
  const { work, hold } = draining;
  if (head.kind !== 'turn') return runJob(work, hold, head);
  const conversation = open.conversation;
  const policy = conversation ? work.deps.policy(conversation.channelId) : undefined;
  if (!conversation || !policy) return unroutable(work, hold, head);
  const turnOf = { work, hold, policy, conversation, startedAt: work.deps.clock.monotonic() };
  if (open.turn) return deliver(turnOf, open.turn);
  if (isTaken(head, conversation)) return handOff(work, hold, head);
  return answer(turnOf, open);
}

async function handOff(work: Work, hold: Hold, head: OpenJob): Promise<Step> {
  await work.deps.mailbox.complete(hold.lease, { seqs: [head.seq], outcome: { kind: 'completed' }, ending: 'handed_off', reason: 'human_owns' });
  return AGAIN;
}

async function unroutable(work: Work, hold: Hold, head: OpenJob): Promise<Step> {
  const error = 'the channel of this conversation is no longer configured';
  await work.deps.mailbox.complete(hold.lease, { seqs: [head.seq], outcome: { kind: 'dead', reason: 'unroutable', error } });
  return AGAIN;
}

/** Fenced off: nothing of it is ours to write. Otherwise the lane rests, so that a failing store is not hammered. */
async function abandon(work: Work, hold: Hold, error: unknown): Promise<void> {
  const { log } = work.deps.telemetry;
  const lost = error instanceof LeaseLost || hold.signal.reason instanceof LeaseLost;
  if (lost) return log.warn({ laneId: hold.lease.laneId, epoch: hold.lease.epoch }, 'fenced off: another worker holds the lane');
  log.error({ err: error, laneId: hold.lease.laneId }, 'the lane rests after an error');
  try {
    await work.deps.mailbox.release(hold.lease, { parkMs: hold.signal.aborted ? 0 : REST_MS });
  } catch (second) {
    log.warn({ err: second, laneId: hold.lease.laneId }, 'the lane waits for its lease to end');
  }
}
