import type { ChannelId } from '../../domain/ids.ts';
import type { Arrival } from '../../ports/mailbox.ts';

/** What govern is told by the settings; per channel, because orgs and channels may differ. */
export interface GovernSettings {
  /** Same text, same sender, within this: stored, not answered again. 0: off. */
  duplicateWindowMs(channelId: ChannelId): number;
  /** How long the lane waits for the rest of a burst; 0 where messages are answered one by one. */
  debounceMs(channelId: ChannelId): number;
}

/**
 * What the store must know to decide on a message. The decisions themselves are made in the accept transaction, where the
 * message becomes durable: a mark set before that would suppress the message's own retry.
 */
export function govern(settings: GovernSettings, channelId: ChannelId): Pick<Arrival, 'deferMs' | 'debounceMs' | 'duplicateWindowMs'> {
  return { deferMs: 0, debounceMs: settings.debounceMs(channelId), duplicateWindowMs: settings.duplicateWindowMs(channelId) };
}
