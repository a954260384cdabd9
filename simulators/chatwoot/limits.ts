import type { Message } from './world.ts';

export interface Limits {
  /** Rack::Attack per client address, in clock-aligned minutes; default 3000. */
  requestsPerMinute: number;
  /** CONVERSATION_MESSAGE_PER_MINUTE_LIMIT, any sender, last 60 seconds; default 200. */
  messagesPerMinute: number;
}

export const NO_LIMITS: Limits = { requestsPerMinute: Infinity, messagesPerMinute: Infinity };
export const DEFAULT_LIMITS: Limits = { requestsPerMinute: 3000, messagesPerMinute: 200 };

const MINUTE_MS = 60_000;

/** Whether the conversation already has all the messages that a minute may bring. */
export function isFlooded(messages: Message[], limits: Limits, now: number): boolean {
  if (limits.messagesPerMinute === Infinity) return false;
  const oldestCounted = messages[messages.length - limits.messagesPerMinute];
  return oldestCounted !== undefined && oldestCounted.at >= now - MINUTE_MS;
}

/** Counts a request of this address; false when it is one too many. */
export function requestCounter(limits: Limits): (address: string, now: number) => boolean {
  const counts = new Map<string, number>();
  let minute = -1;
  return (address, now) => {
    if (limits.requestsPerMinute === Infinity) return true;
    const current = Math.floor(now / MINUTE_MS);
    if (current !== minute) counts.clear();
    minute = current;
    const count = (counts.get(address) ?? 0) + 1;
    counts.set(address, count);
    return count <= limits.requestsPerMinute;
  };
}
