import type { Conversation, Owner } from '../domain/conversation.ts';
import type { ChannelId, OrgId } from '../domain/ids.ts';
import type { InboundMessage } from '../domain/message.ts';

/** A webhook as it came: bytes, because signatures are over bytes. */
export interface RawDelivery {
  body: Uint8Array;
  /** Lower-case names. */
  headers: Record<string, string | string[] | undefined>;
  /** The secret of the path, when the route has one. */
  pathSecret: string | null;
  /** UTC ms. */
  receivedAt: number;
}

/** Refused before anything was stored. `status` is what this platform needs to see. */
export interface Refusal {
  status: 400 | 401 | 403 | 413;
  code: string;
  detail: string;
}

/** What one delivery means, in order. */
export type InboundEvent =
  | { kind: 'message'; message: InboundMessage; refused: 'unsupported' | 'human_owns' | null; doubt: boolean }
  | { kind: 'edit'; conversation: string; externalId: string; text: string }
  | { kind: 'withdraw'; conversation: string; externalId: string }
  | { kind: 'owner'; conversation: string; owner: Owner; at: number; why: string }
  /** Our own reply came back: the marker we set, and the platform's id. */
  | { kind: 'echo'; key: string; providerId: string | null }
  /** Known and of no consequence; counted under its name. */
  | { kind: 'ignored'; name: string };

export type EventOf<Kind extends InboundEvent['kind']> = Extract<InboundEvent, { kind: Kind }>;

/** What became of one send. */
export type SendResult =
  | { kind: 'sent'; providerId: string | null }
  /** Certainly not shown; may be sent again after `retryAfterMs`, if given, or our own backoff. `isLimited`: the platform is well, and takes no more. */
  | { kind: 'refused_for_now'; retryAfterMs?: number; isLimited?: boolean; error: string }
  /** May have been shown. */
  | { kind: 'ambiguous'; error: string }
  /** Certainly not shown, and trying again is useless. */
  | { kind: 'failed'; reason: 'send_failed' | 'channel_auth'; error: string };

/** How an ambiguous send is resolved. */
export type Resolution =
  /** The platform recognises the key for `windowMs` after the first try. */
  | { by: 'key'; windowMs: number }
  /** The platform can be asked whether it shows the part. */
  | { by: 'readback' }
  /** Neither: the policy decides. */
  | { by: 'none'; policy: 'prefer_silence' | 'prefer_duplicate' };

export interface OutgoingPart {
  conversation: Conversation;
  key: string;
  text: string;
}

/** A missed part of a conversation's past, as catch-up found it on the platform. */
export interface CaughtUp {
  externalId: string;
  /** `human` when a person answered there or it is assigned; `bot` when it is ours to answer. */
  owner: Owner;
  /** When the owner became so, as far as the platform tells, UTC ms. */
  ownerAt: number;
  /** Contact's messages in the platform's order. Known ones may be among them. */
  messages: InboundMessage[];
}

/** One connected platform account. Pure protocol: no store, no policy of ours. */
export interface Channel {
  readonly id: ChannelId;
  readonly orgId: OrgId;
  readonly kind: string;
  readonly resolution: Resolution;
  /** How long a request may take until its socket is reset, ms. */
  readonly requestMs: number;
  /** The longest the platform may still take to show what a reset request asked for, ms. */
  readonly landingMs: number;
  /** Checks the signature over the raw bytes. */
  verify(delivery: RawDelivery): Refusal | null;
  /** Verified bytes to events. Wrong JSON or types: a refusal. */
  parse(delivery: RawDelivery): InboundEvent[] | Refusal;
  /** Splits a reply into parts that the platform takes. */
  split(text: string): string[];
  send(part: OutgoingPart, signal: AbortSignal): Promise<SendResult>;
  /**
   * With `readback`: the platform's id of the part, or null when it is not there. Throws when it cannot tell; with code `channel_auth` or
   * `channel_not_found` when it never will.
   */
  find?(part: OutgoingPart, signal: AbortSignal): Promise<string | null>;
  /**
   * Leaves the conversation to people, who see why (`note`, not shown to the contact). Carried out twice it does no harm. Throws as
   * `find` does.
   */
  handOver?(conversation: Conversation, note: string, signal: AbortSignal): Promise<void>;
  /** Shows or hides the typing indicator. Best effort; failures are only counted. */
  typing?(conversation: Conversation, on: boolean, signal: AbortSignal): Promise<void>;
  /**
   * Asks the platform who owns the conversation and what was missed; takes it back for the bot when it only fell open. Throws as `find` does.
   */
  examine?(externalId: string, signal: AbortSignal): Promise<CaughtUp>;
  /** Conversations with activity after `since` (UTC ms) that may hold missed messages. */
  active?(since: number, signal: AbortSignal): AsyncIterable<string>;
}
