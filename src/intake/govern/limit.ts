import { createHash } from 'node:crypto';
import { languageOf, say } from '../../domain/catalogue/index.ts';
import type { WindowRule } from '../../domain/limit.ts';
import type { InboundMessage } from '../../domain/message.ts';
import type { Channel } from '../../ports/channel.ts';
import type { Limiter } from '../../ports/limiter.ts';
import type { Arrival } from '../../ports/mailbox.ts';

/** How many messages of a conversation are answered. */
export interface MessageLimit {
  /** In any 60 s. */
  perMinute: number;
  /** Language when neither contact nor text tells. */
  locale: string;
}

type Limited = Pick<Arrival, 'refused' | 'deferMs' | 'debounceMs' | 'notice'>;

const WINDOW_MS = 60_000;
/**
 * For so long a message delivered again does not count again. Longer than anything of the conversation counts, so that of a message that was
 * counted this is always the rule that is reported.
 */
const MEMBER_MS = 10 * WINDOW_MS;

const PLAIN = /^[\x20-\x7e]{1,200}$/;

/** A platform's id as a key: whatever it holds, and however long it is. */
function keyOf(channel: Channel, id: string): string {
  const key = `${channel.id}/${id}`;
  return PLAIN.test(key) ? key : createHash('sha256').update(key).digest('base64url');
}

function rulesOf(limit: MessageLimit, channel: Channel, message: InboundMessage): WindowRule[] {
  return [
    { name: 'message', key: keyOf(channel, message.externalId), limit: 1, windowMs: MEMBER_MS },
    { name: 'conversation', key: keyOf(channel, message.conversation), limit: limit.perMinute, windowMs: WINDOW_MS },
  ];
}

/**
 * What becomes of a message beyond the limit; null within it. The message is counted under its own name in the same decision, so that one delivered
 * again, because it could not be stored or was not acknowledged in time, is not counted again.
 */
export async function overLimit(limiter: Pick<Limiter, 'check'>, limit: MessageLimit, came: { channel: Channel; message: InboundMessage; now: number }): Promise<Limited | null> {
  const { channel, message, now } = came;
  const { allowed, rule } = await limiter.check({ org: channel.orgId, rules: rulesOf(limit, channel, message) });
  if (allowed || rule === 'message') return null;
  const language = message.locale ?? languageOf(message.text, limit.locale);
  return { refused: 'limited', deferMs: 0, debounceMs: 0, notice: { topic: 'limited', since: now - WINDOW_MS, text: say('limited', language) } };
}
