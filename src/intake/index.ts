/**
 * webhook → ack. Everything that a delivery says is durable before this resolves:
 *
 *   verify ▸ normalize (the channel's) ▸ govern ▸ accept
 */
import type { Clock } from '../domain/clock.ts';
import type { NewId } from '../domain/ids.ts';
import type { Channel, InboundEvent, RawDelivery, Refusal } from '../ports/channel.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { Accepted, Intake } from '../ports/intake.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Mailbox } from '../ports/mailbox.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { LaneId } from '../domain/ids.ts';
import { accept, type Times } from './accept.ts';
import type { GovernSettings } from './govern/index.ts';

export interface IntakeDeps {
  mailbox: Pick<Mailbox, 'append' | 'amend'>;
  conversations: Pick<Conversations, 'setOwner'>;
  ledger: Pick<Ledger, 'recordSent'>;
  newId: NewId;
  clock: Clock;
  telemetry: Telemetry;
  /** Hints, after the commit, that a lane has work. */
  wake(laneId: LaneId): void;
}

export function createIntake(deps: IntakeDeps, settings: GovernSettings): Intake {
  const take = (channel: Channel, events: InboundEvent[], times: Times): Promise<Accepted> => accept({ deps, settings, channel, times }, events);
  return {
    accept: take,
    receive: async (channel, delivery) => {
      const refusal = channel.verify(delivery);
      if (refusal) return refused(deps, channel, refusal);
      const verifiedAt = deps.clock.now();
      const events = normalize(channel, delivery);
      if (!Array.isArray(events)) return refused(deps, channel, events);
      return take(channel, events, { receivedAt: delivery.receivedAt, verifiedAt });
    },
  };
}

function normalize(channel: Channel, delivery: RawDelivery): InboundEvent[] | Refusal {
  return channel.parse(delivery);
}

function refused(deps: IntakeDeps, channel: Channel, refusal: Refusal): Refusal {
  deps.telemetry.meter.count('webhook_rejected_total', { channel: channel.kind, reason: refusal.code });
  return refusal;
}
