import { languageOf } from '../../domain/catalogue/index.ts';
import { closedNotice, type ClosedWords } from '../../domain/closed-notice.ts';
import { openingDelayMs, type ClosedPolicy, type ServiceHours } from '../../domain/hours.ts';
import type { InboundMessage } from '../../domain/message.ts';
import type { Arrival } from '../../ports/mailbox.ts';

/** When somebody is there in a channel, and what happens when nobody is. */
export interface ChannelHours {
  hours: ServiceHours;
  policy: ClosedPolicy;
  /** Null: nothing is said. */
  words: ClosedWords | null;
  /** Language when neither contact nor text tells. */
  locale: string;
}

export interface Came {
  message: InboundMessage;
  /** Names the conversation: those that wait for one opening begin apart. */
  key: string;
  /** UTC ms. */
  now: number;
}

type Closed = Partial<Pick<Arrival, 'refused' | 'deferMs' | 'work' | 'notice'>>;

/** What becomes of a message outside hours; nothing special inside them. A wait for an opening that never comes would be no ending. */
export function outsideHours(of: ChannelHours, came: Came): Closed {
  const opening = of.hours.at(came.now);
  if (opening.open) return {};
  const { since, until } = opening;
  const notice = noticeOf(of, came, { since: since ?? 0, until });
  switch (of.policy) {
    case 'answer':
      return notice;
    case 'handoff':
      return { ...notice, work: 'handoff' };
    case 'defer':
      return until === null ? { ...notice, refused: 'outside_hours' } : { ...notice, deferMs: until - came.now + openingDelayMs(came.key) };
  }
}

function noticeOf({ hours, policy, words, locale }: ChannelHours, { message, now }: Came, { since, until }: { since: number; until: number | null }): Pick<Closed, 'notice'> {
  if (words === null) return {};
  const language = message.locale ?? languageOf(message.text, locale);
  const text = closedNotice({ policy, now, until, timeZone: hours.schedule.timeZone, words }, language);
  return { notice: { topic: 'outside_hours', since, text } };
}
