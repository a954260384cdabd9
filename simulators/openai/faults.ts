import { createFaultPlan } from '../fault-plan.ts';
import type { FaultPlan, FaultRates } from '../fault-plan.ts';

/** What may happen to a chat completion. */
export type ChatFault =
  | { kind: 'fail'; status: number }
  /** 429. `seconds` or `date`: how Retry-After says it; without: no header. */
  | { kind: 'rate'; retryAfterS?: number; as?: 'seconds' | 'date' }
  /** Never answered. */
  | { kind: 'hang' }
  /** Answered after this long. */
  | { kind: 'delay'; ms: number }
  /** Streams one chunk per `ms`; without streaming, the body comes in pieces as slowly. */
  | { kind: 'drip'; ms: number }
  /** The connection closes in the middle of the answer. */
  | { kind: 'cut' }
  /** 200 with a body that is not JSON (in a stream: an event that is not). */
  | { kind: 'json' }
  /** 200 with empty content. */
  | { kind: 'empty' }
  /** 200 with this many bytes of content. */
  | { kind: 'huge'; bytes: number };

export const CHAT_FAULT_KINDS = [
  'fail',
  'rate',
  'hang',
  'delay',
  'drip',
  'cut',
  'json',
  'empty',
  'huge',
] as const satisfies readonly ChatFault['kind'][];

export interface ChatFaultOptions {
  /** Default 1. */
  seed?: number;
  rates?: FaultRates<ChatFault>;
  /** Longest delay that a rate draws; default 500 ms. */
  maxDelayMs?: number;
}

const MIB = 1024 * 1024;

export function createChatFaults({ seed = 1, rates, maxDelayMs = 500 }: ChatFaultOptions): FaultPlan<ChatFault> {
  return createFaultPlan<ChatFault>({
    seed,
    rates,
    suits: () => true,
    make: (kind, draw) => (kind === 'delay' ? { kind, ms: draw() * maxDelayMs } : chatFault(kind)),
  });
}

function chatFault(kind: ChatFault['kind']): ChatFault {
  switch (kind) {
    case 'fail':
      return { kind, status: 500 };
    case 'rate':
      return { kind, retryAfterS: 1, as: 'seconds' };
    case 'delay':
      return { kind, ms: 500 };
    case 'drip':
      return { kind, ms: 200 };
    case 'huge':
      return { kind, bytes: 8 * MIB };
    case 'hang':
    case 'cut':
    case 'json':
    case 'empty':
      return { kind };
  }
}

const FAULT_TAG = /\[fault:([a-z]+)(\d*)\]/g;

/**
 * Faults that the texts ask for: `[fault:fail]` fails every call that has this text among its inputs, `[fault:fail2]`
 * the first two. Any kind of {@link ChatFault} may stand for `fail`. Calls are counted per line, so that it does not
 * matter what else a call carries.
 */
export function taggedFaults(): (inputs: string[]) => ChatFault | null {
  const calls = new Map<string, number>();
  return (inputs) => {
    let chosen: ChatFault | null = null;
    for (const line of inputs.flatMap((input) => input.split('\n'))) {
      for (const [tag, name, times] of line.matchAll(FAULT_TAG)) {
        const call = (calls.get(`${tag}${line}`) ?? 0) + 1;
        calls.set(`${tag}${line}`, call);
        const kind = CHAT_FAULT_KINDS.find((each) => each === name);
        if (kind && (times === '' || call <= Number(times))) chosen ??= chatFault(kind);
      }
    }
    return chosen;
  };
}
