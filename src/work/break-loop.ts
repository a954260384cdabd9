import { LOOP_LOOK_BACK, loopSign, type LoopSign } from '../domain/bot-loop.ts';
import type { HistoryEntry, TurnMessage } from '../domain/turn.ts';
import type { Begun } from '../ports/mailbox.ts';
import { giveToPeople } from './hand-over.ts';
import type { TurnOf } from './part.ts';

/** So much of the past is read for a turn: what the responder gets, and what tells a loop. */
export const historyToRead = (forResponder: number): number => Math.max(forResponder, LOOP_LOOK_BACK);

const entryOf = ({ text, sentAt }: TurnMessage): HistoryEntry => ({ role: 'user', text, at: sentAt });

/** Why this turn would only feed a loop; null: it would not, or nobody wants to know. */
export function signOf(turnOf: TurnOf, begun: Begun): LoopSign | null {
  const { work, policy, conversation } = turnOf;
  if (policy.onLoop === 'answer') return null;
  const { clock } = work.deps;
  if (work.replies.isFull(conversation.id, clock.monotonic())) return 'volume';
  return loopSign([...begun.history.slice(-LOOP_LOOK_BACK), ...begun.messages.map(entryOf)], clock.now());
}

/** How a turn ends that would only feed a loop. */
export interface LoopEnd {
  sign: LoopSign;
  action: 'silence' | 'handoff';
}

/**
 * Ends the turn unanswered: in silence, which lasts as long as the sign does, or by leaving the conversation to people. Throws what
 * handing over throws.
 */
export async function breakLoop(turnOf: TurnOf, seqs: number[], { sign, action }: LoopEnd): Promise<void> {
  const { work, hold, policy, conversation } = turnOf;
  const { mailbox, telemetry } = work.deps;
  telemetry.meter.count('bot_loops_total', { channel: policy.channel.kind, sign });
  telemetry.log.warn({ conversationId: conversation.id, sign, action }, 'two programs seem to answer each other: not answered');
  if (action === 'handoff') await giveToPeople(turnOf, 'bot_loop');
  const ending = action === 'handoff' ? 'handed_off' : 'suppressed';
  await mailbox.complete(hold.lease, { seqs, outcome: { kind: 'cancelled', reason: 'bot_loop' }, ending, reason: 'bot_loop' });
}
