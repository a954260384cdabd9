import type { Channel } from '../src/ports/channel.ts';
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
