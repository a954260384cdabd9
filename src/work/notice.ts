import type { OpenJob } from '../domain/job.ts';
import type { DeadReason } from '../domain/message.ts';
import { deliver } from './deliver.ts';
import { AGAIN, type Step } from './deps.ts';
import type { TurnOf } from './part.ts';
import { tell } from './tell.ts';

const textOf = (payload: unknown): string => (typeof payload === 'object' && payload !== null && 'text' in payload && typeof payload.text === 'string' ? payload.text : '');

/** Says what a `notice` job holds, in the lane's order and by the ledger, like any reply. */
export async function sayNotice(turnOf: TurnOf, job: OpenJob): Promise<Step> {
  const { work, hold, policy } = turnOf;
  const { maxAttempts, maxCrashes } = work.settings;
  const begun = await work.deps.mailbox.begin(hold.lease, { seqs: [job.seq], maxAttempts, maxCrashes, history: 0 });
  const exhausted = begun.exhausted[0];
  if (exhausted) return end(turnOf, job, { reason: exhausted.reason, error: 'its attempts are used up' });
  const text = textOf(begun.payload).trim();
  if (text === '') return end(turnOf, job, { reason: 'handler_rejected', error: 'the notice has no text' });
  const reply = { kind: 'notice', parts: policy.channel.split(text), responder: 'catalogue' } as const;
  const turn = await work.deps.ledger.plan(hold.lease, { turnId: work.deps.newId('turn'), seqs: [job.seq], reply });
  return turn ? deliver(turnOf, turn) : AGAIN;
}

async function end({ work, hold }: TurnOf, job: OpenJob, death: { reason: DeadReason; error: string }): Promise<Step> {
  await work.deps.mailbox.complete(hold.lease, { seqs: [job.seq], outcome: { kind: 'dead', ...death } });
  tell(work, hold, { seq: job.seq, kind: job.kind, happening: { type: 'dead', reason: death.reason } });
  return AGAIN;
}
