/**
 * webhook → ack. Everything that a delivery says is durable before this resolves:
 *
 *   verify ▸ normalize (the channel's) ▸ govern ▸ accept
 */
import type { Channel, InboundEvent, Refusal } from '../ports/channel.ts';
import type { Accepted, Intake } from '../ports/intake.ts';
import { accept, type Times } from './accept.ts';
import type { IntakeDeps } from './intake-deps.ts';
import type { GovernSettings } from './govern/index.ts';

export type { ChannelHours } from './govern/index.ts';

/** The way in. */
export function createIntake(deps: IntakeDeps, settings: GovernSettings): Intake {
  const take = (channel: Channel, events: InboundEvent[], times: Times): Promise<Accepted> => accept({ deps, settings, channel, times }, events);
  return {
    accept: take,
    receive: async (channel, delivery) => {
      const refusal = channel.verify(delivery);
      if (refusal) return refused(deps, channel, refusal);
      const verifiedAt = deps.clock.now();
      const events = channel.parse(delivery);
      if (!Array.isArray(events)) return refused(deps, channel, events);
      return take(channel, events, { receivedAt: delivery.receivedAt, verifiedAt });
    },
  };
}

function refused(deps: IntakeDeps, channel: Channel, refusal: Refusal): Refusal {
  deps.telemetry.meter.count('webhook_rejected_total', { channel: channel.kind, reason: refusal.code });
  return refusal;
}
