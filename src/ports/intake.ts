import type { MessageId } from '../domain/ids.ts';
import type { Channel, InboundEvent, RawDelivery, Refusal } from './channel.ts';

export interface Accepted {
  /** Messages stored now or known before, in the delivery's order. */
  messageIds: MessageId[];
  /** How many of them were known already. */
  duplicates: number;
}

/** The way in, for the HTTP room and for catch-up. Resolves only after everything is durable. */
export interface Intake {
  /** verify ▸ normalize ▸ govern ▸ accept. Throws StoreBusy, StoreTimeout or StoreFailed; nothing is acknowledged then. */
  receive(channel: Channel, delivery: RawDelivery): Promise<Accepted | Refusal>;
  /** govern ▸ accept, for what the platform was asked for. */
  accept(channel: Channel, events: InboundEvent[], times: { receivedAt: number; verifiedAt: number }): Promise<Accepted>;
}
