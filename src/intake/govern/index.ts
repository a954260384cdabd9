import type { ChannelId } from '../../domain/ids.ts';
import type { Channel, EventOf } from '../../ports/channel.ts';
import type { Arrival } from '../../ports/mailbox.ts';
import type { MessageLimit } from './limit.ts';
import { outsideHours, type ChannelHours } from './outside-hours.ts';

export { overLimit, type MessageLimit } from './limit.ts';
export type { ChannelHours } from './outside-hours.ts';

/** What govern is told by the settings; per channel, because orgs and channels may differ. */
export interface GovernSettings {
  /** Same text, same sender, within this: stored, not answered again. 0: off. */
  duplicateWindowMs(channelId: ChannelId): number;
  /** Null: any number of messages is answered. */
  limit(channelId: ChannelId): MessageLimit | null;
  /** How long the lane waits for the rest of a burst; 0 where messages are answered one by one. */
  debounceMs(channelId: ChannelId): number;
  /** Null: always open. */
  hours(channelId: ChannelId): ChannelHours | null;
}

/** Unfinished messages of one conversation; what comes beyond is stored and ends `flooded`. */
const MAX_OPEN = 200;

export type Governed = Pick<Arrival, 'refused' | 'deferMs' | 'debounceMs' | 'duplicateWindowMs' | 'work' | 'notice' | 'maxOpen'>;

/**
 * What the store must know to decide on a message. The decisions themselves are made in the accept transaction, where the
 * message becomes durable: a mark set before that would suppress the message's own retry.
 */
export function govern(settings: GovernSettings, channel: Channel, at: { event: EventOf<'message'>; now: number }): Governed {
  const { id } = channel;
  const { refused, message } = at.event;
  const governed: Governed = { refused, deferMs: 0, debounceMs: settings.debounceMs(id), duplicateWindowMs: settings.duplicateWindowMs(id), maxOpen: MAX_OPEN };
  if (refused) return governed;
  const hours = settings.hours(id);
  return hours ? { ...governed, ...outsideHours(hours, { message, key: `${id}/${message.conversation}`, now: at.now }) } : governed;
}
