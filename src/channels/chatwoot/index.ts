import type { Clock } from '../../domain/clock.ts';
import type { Channel } from '../../ports/channel.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { activeConversations } from './active.ts';
import { examineConversation } from './examine.ts';
import { findPart } from './find.ts';
import { handOver } from './hand-over.ts';
import { readOptions } from './options.ts';
import type { ChatwootOptions } from './options.ts';
import { parseWebhook } from './parse.ts';
import { conversationPath } from './read.ts';
import { createRest } from './rest.ts';
import { sendPart } from './send.ts';
import { verifyWebhook } from './signature.ts';
import { splitText } from './split.ts';

export { chatwootOptionsSchema } from './options.ts';
export type { ChatwootOptions, ChatwootSettings } from './options.ts';

export interface ChatwootDeps {
  clock: Clock;
  /** Node's own by default. */
  fetch?: typeof fetch;
  telemetry: Telemetry;
}

/**
 * The channel of a Chatwoot agent bot. Throws ConfigError when an option is wrong. Counts every request in
 * `channel_requests_total{channel,operation,result}`; logs neither tokens nor texts.
 * https://www.chatwoot.com/hc/user-guide/articles/1677497472-how-to-use-agent-bots
 */
export function createChatwootChannel(options: ChatwootOptions, deps: ChatwootDeps): Channel {
  const settings = readOptions(options);
  const { clock, telemetry } = deps;
  const rest = createRest(settings, { clock, telemetry, channel: options.id, fetch: deps.fetch ?? fetch });
  return {
    id: options.id,
    orgId: options.orgId,
    kind: 'chatwoot',
    resolution: { by: 'readback' },
    requestMs: settings.requestMs,
    landingMs: settings.landingMs,
    verify: (delivery) => verifyWebhook(settings, delivery, clock.now()),
    parse: (delivery) => parseWebhook(settings, delivery),
    split: (text) => splitText(text, settings.maxPartLength),
    send: (part, signal) => sendPart(rest, part, signal),
    find: (part, signal) => findPart(rest, part, signal),
    handOver: (conversation, note, signal) => handOver(rest, { externalId: conversation.externalId, note }, signal),
    typing: async (conversation, on, signal) => {
      const path = `${conversationPath(conversation.externalId)}/toggle_typing_status`;
      await rest({ operation: 'typing', path, body: { typing_status: on ? 'on' : 'off' } }, signal);
    },
    examine: (externalId, signal) => examineConversation({ rest, settings, clock, telemetry }, externalId, signal),
    active: (since, signal) => activeConversations({ rest, settings, telemetry }, since, signal),
  };
}
