import type { Channel, InboundEvent } from '../src/ports/channel.ts';
import type { Responder } from '../src/ports/responder.ts';

/**
 * The same channel on the way in; what goes out is taken at once and sent nowhere. It shows no typing and cannot be asked about the past,
 * so that only our own work is measured.
 */
export function instantChannel(channel: Channel, sent: (key: string) => void): Channel {
  const { typing: _typing, examine: _examine, active: _active, ...rest } = channel;
  return {
    ...rest,
    send: async ({ key }) => {
      sent(key);
      return { kind: 'sent', providerId: `sent-${key}` };
    },
  };
}

export const instantResponder: Responder = {
  name: 'instant',
  respond: async () => ({ text: 'Thank you. Your order arrives tomorrow.' }),
};

/** What a contact of the n-th conversation writes. */
export function messageEvent(number: number): InboundEvent {
  const message = {
    externalId: String(number),
    conversation: String(number),
    author: `contact:${number}`,
    text: `Is order ${number} on its way?`,
    attachments: [],
    sentAt: Date.now(),
    locale: 'en',
  };
  return { kind: 'message', message, refused: null, doubt: false };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await pause(1);
}

/** Calls made together while work is laid out. */
const CHUNK = 500;

export async function inChunks(count: number, task: (index: number) => Promise<unknown>): Promise<void> {
  for (let from = 0; from < count; from += CHUNK) {
    await Promise.all(Array.from({ length: Math.min(CHUNK, count - from) }, (_, offset) => task(from + offset)));
  }
}
