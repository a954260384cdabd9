import { createFaultPlan } from '../fault-plan.ts';
import type { FaultPlan, FaultRates } from '../fault-plan.ts';

/** What may happen to a request to the REST API. */
export type RestFault =
  /** Answered without being processed. */
  | { kind: 'status'; status: number }
  /** 429, with a Retry-After header when given. */
  | { kind: 'rate_limited'; retryAfterS?: number }
  /** Processed and answered after this long. */
  | { kind: 'delay'; ms: number }
  /** Never processed, never answered. */
  | { kind: 'hang' }
  /** The connection is reset; not processed. */
  | { kind: 'reset_before' }
  /** Processed and visible, then the connection is reset. */
  | { kind: 'accept_then_reset' }
  /** Processed and visible, then answered 500. */
  | { kind: 'accept_then_500' }
  /** Never answered; processed this long after the client gave up. */
  | { kind: 'late_land'; ms: number };

/** What may happen to one delivery of a webhook. */
export type WebhookFault =
  /** Emitted twice, under two delivery ids, one after the other. */
  | { kind: 'duplicate' }
  /** The same delivery POSTed twice at the same time. */
  | { kind: 'double' }
  | { kind: 'delay'; ms: number }
  /** Goes out after the next delivery, or after this long when none follows. */
  | { kind: 'reorder'; ms: number }
  | { kind: 'bad_signature' }
  /** Correctly signed, ten minutes ago. */
  | { kind: 'stale_timestamp' }
  /** Never sent, as when the installation loses its queue. */
  | { kind: 'drop' };

export type RestOperation =
  | 'message_create'
  | 'message_list'
  | 'conversation_list'
  | 'conversation_show'
  | 'status_toggle'
  | 'typing_toggle'
  | 'assignment';

const READS: ReadonlySet<string> = new Set(['message_list', 'conversation_list', 'conversation_show']);
const FOR_WRITES: ReadonlySet<RestFault['kind']> = new Set(['accept_then_reset', 'accept_then_500', 'late_land']);

export interface FaultOptions {
  /** Default 1. */
  seed?: number;
  rest?: FaultRates<RestFault>;
  webhook?: FaultRates<WebhookFault>;
  /** Longest delay that a rate draws; default 200 ms. */
  maxDelayMs?: number;
  /** Latest that a late landing may come after the client gave up; default 1000 ms. */
  landingMs?: number;
}

export interface ChatwootFaults {
  /** Operations are {@link RestOperation}; what an occasion is about is its conversation. */
  rest: FaultPlan<RestFault>;
  /** Operations are the webhooks' event names. */
  webhook: FaultPlan<WebhookFault>;
}

export function createFaults(options: FaultOptions): ChatwootFaults {
  const { seed = 1, maxDelayMs = 200, landingMs = 1000 } = options;
  return {
    rest: createFaultPlan<RestFault>({
      seed,
      rates: options.rest,
      suits: (kind, operation) => !(FOR_WRITES.has(kind) && READS.has(operation)),
      make: (kind, draw) => restFault(kind, draw, { maxDelayMs, landingMs }),
    }),
    webhook: createFaultPlan<WebhookFault>({
      seed,
      rates: options.webhook,
      suits: () => true,
      make: (kind, draw) => (kind === 'delay' || kind === 'reorder' ? { kind, ms: draw() * maxDelayMs } : { kind }),
    }),
  };
}

const REFUSALS = [500, 502, 503, 504];

function restFault(
  kind: RestFault['kind'],
  draw: () => number,
  { maxDelayMs, landingMs }: { maxDelayMs: number; landingMs: number },
): RestFault {
  switch (kind) {
    case 'status':
      return { kind, status: REFUSALS[Math.floor(draw() * REFUSALS.length)] ?? 500 };
    case 'rate_limited':
      return draw() < 0.5 ? { kind } : { kind, retryAfterS: 1 };
    case 'delay':
      return { kind, ms: draw() * maxDelayMs };
    case 'late_land':
      return { kind, ms: draw() * landingMs };
    case 'hang':
    case 'reset_before':
    case 'accept_then_reset':
    case 'accept_then_500':
      return { kind };
  }
}

export const REST_FAULT_KINDS = [
  'status',
  'rate_limited',
  'delay',
  'hang',
  'reset_before',
  'accept_then_reset',
  'accept_then_500',
  'late_land',
] as const satisfies readonly RestFault['kind'][];

export const WEBHOOK_FAULT_KINDS = [
  'duplicate',
  'double',
  'delay',
  'reorder',
  'bad_signature',
  'stale_timestamp',
  'drop',
] as const satisfies readonly WebhookFault['kind'][];
