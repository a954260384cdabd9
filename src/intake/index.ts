/**
 * webhook → ack. Everything that a delivery says is durable before this resolves:
 *
 *   verify ▸ normalize (the channel's) ▸ govern ▸ accept
 */
import type { Channel, InboundEvent, Refusal } from '../ports/channel.ts';
import type { Accepted, Intake } from '../ports/intake.ts';
import { accept, type Times } from './accept.ts';
import type { IntakeDeps } from './intake-deps.ts';
import type { GovernSettings, MessageLimit } from './govern/index.ts';

export type { ChannelHours, MessageLimit } from './govern/index.ts';

/** The way in. */
export function createIntake(deps: IntakeDeps, settings: GovernSettings): Intake {
  const take = (channel: Channel, events: InboundEvent[], given: { times: Times; limit: MessageLimit | null }): Promise<Accepted> =>
    accept({ deps, settings, channel, ...given }, events);
  return {
    // What was missed came at the contacts' pace, and arrives here at once.
    accept: (channel, events, times) => take(channel, events, { times, limit: null }),
    receive: async (channel, delivery) => {
      const refusal = channel.verify(delivery);
      if (refusal) return refused(deps, channel, refusal);
      const verifiedAt = deps.clock.now();
      const events = channel.parse(delivery);
      if (!Array.isArray(events)) return refused(deps, channel, events);
      return take(channel, events, { times: { receivedAt: delivery.receivedAt, verifiedAt }, limit: settings.limit(channel.id) });
    },
  };
}

function refused(deps: IntakeDeps, channel: Channel, refusal: Refusal): Refusal {
  deps.telemetry.meter.count('webhook_rejected_total', { channel: channel.kind, reason: refusal.code });
  return refusal;
}
