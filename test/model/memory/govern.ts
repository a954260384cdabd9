import type { Conversation } from '../../../src/domain/conversation.ts';
import { laneOf } from '../../../src/domain/ids.ts';
import { cleanText } from '../../../src/domain/message.ts';
import { LOOK_BACK, SHORT_ANSWER } from '../../../src/domain/short-answer.ts';
import type { Verdict } from '../../../src/domain/verdict.ts';
import type { Arrival, Notice } from '../../../src/ports/mailbox.ts';
import type { MessageRow, State } from './state.ts';

/** What is decided of a message that is new. */
export function govern(state: State, conversation: Conversation, arrival: Arrival): Verdict {
  const { refused } = arrival;
  if (refused === 'unsupported' || refused === 'human_owns') return refused;
  if (conversation.owner === 'human') return 'human_owns';
  if (repeatsText(state, conversation, arrival)) return 'duplicate_text';
  if (refused) return refused;
  if (isFull(state, conversation, arrival.maxOpen ?? 0)) return 'flooded';
  return arrival.deferMs > 0 ? 'deferred' : 'accepted';
}

function isFull(state: State, conversation: Conversation, maxOpen: number): boolean {
  const lane = state.lanes.get(laneOf(conversation.id));
  return maxOpen > 0 && lane !== undefined && lane.lastSeq - lane.doneSeq >= maxOpen;
}

function repeatsText(state: State, conversation: Conversation, arrival: Arrival): boolean {
  if (arrival.duplicateWindowMs <= 0) return false;
  const past = [...state.messages.values()].filter((each) => each.conversationId === conversation.id && each.arrived).sort((a, b) => b.position - a.position);
  const last = past[0];
  if (!last || last.direction === 'outbound' || last.position < (state.repeatableFrom.get(conversation.id) ?? 0)) return false;
  if (last.ending === 'dead' || (last.ending === 'suppressed' && last.endingReason !== 'duplicate_text')) return false;
  const recent = Math.abs(state.clock.now() - last.acceptedAt) < arrival.duplicateWindowMs;
  const sameFiles = JSON.stringify(last.attachments) === JSON.stringify(arrival.message.attachments);
  return recent && last.text !== '' && says(last, arrival) && sameFiles && !answersAnother(past, arrival);
}

const says = (one: MessageRow, { message }: Arrival): boolean => one.author === cleanText(message.author) && one.text === cleanText(message.text);

/** A short text may answer each of our last messages once. */
function answersAnother(newestFirst: MessageRow[], arrival: Arrival): boolean {
  if (cleanText(arrival.message.text).length > SHORT_ANSWER) return false;
  const past = newestFirst.filter((each) => !each.withdrawn).slice(0, LOOK_BACK);
  const given = past.findIndex((each) => each.direction === 'outbound' || !says(each, arrival));
  if (given < 0) return false;
  const before = past.slice(given);
  const asked = before.findIndex((each) => each.direction === 'inbound');
  return (asked < 0 ? before.length : asked) > given;
}

/** True when nobody said this in its period before; from then on somebody has. */
export function isDueToBeSaid(state: State, conversation: Conversation, { topic, since }: Notice): boolean {
  const key = `${conversation.id} ${topic}`;
  if ((state.notices.get(key) ?? -Infinity) >= since) return false;
  state.notices.set(key, Math.max(since, state.clock.now()));
  return true;
}
