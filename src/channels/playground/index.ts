import { z } from 'zod';
import type { Clock } from '../../domain/clock.ts';
import type { ChannelId, NewId, OrgId } from '../../domain/ids.ts';
import { cleanText } from '../../domain/message.ts';
import type { Channel, InboundEvent, RawDelivery, Refusal } from '../../ports/channel.ts';
import { createTranscripts } from './transcripts.ts';
import type { PlaygroundHub, Transcripts } from './transcripts.ts';

export type { PlaygroundEvent, PlaygroundHub } from './transcripts.ts';

const DAY_MS = 86_400_000;

/** What `POST /webhooks/playground` takes. */
const post = z.strictObject({
  /** Chosen by the page; whoever knows it can read along. */
  conversation: z.string().regex(/^[\w-]{1,64}$/, 'has to be 1 to 64 letters, digits, "-" or "_"'),
  text: z
    .string()
    .max(4000, 'may have 4000 characters at most')
    .transform((text) => cleanText(text).trim())
    .refine((text) => text !== '', 'must not be empty'),
  locale: z.string().regex(/^[a-z]{2}(-[\w-]{1,32})?$/i, 'has to be a language tag such as "es" or "es-AR"').optional(),
  /** The page's own name of the message: sent twice, it is the same message. */
  id: z.string().min(1).max(64).optional(),
});

export interface PlaygroundChannel extends Channel {
  readonly hub: PlaygroundHub;
}

interface Deps {
  clock: Clock;
  newId: NewId;
}

const refuse = (code: string, detail: string): Refusal => ({ status: 400, code, detail });

function readJson(body: Uint8Array): { value: unknown } | null {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) };
  } catch {
    return null;
  }
}

function parse(delivery: RawDelivery, newId: NewId): InboundEvent[] | Refusal {
  const json = readJson(delivery.body);
  if (!json) return refuse('body_not_json', 'The body has to be JSON in UTF-8, such as {"conversation": "demo", "text": "hello"}.');
  const result = post.safeParse(json.value);
  if (!result.success) return refuse('body_invalid', result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; '));
  const { conversation, text, locale, id } = result.data;
  const message = {
    externalId: `${conversation}/${cleanText(id ?? newId('msg'))}`,
    conversation,
    author: 'visitor',
    text,
    attachments: [],
    sentAt: delivery.receivedAt,
    locale: locale?.slice(0, 2).toLowerCase() ?? null,
  };
  return [{ kind: 'message', message, refused: null, doubt: false }];
}

function delivering(transcripts: Transcripts, clock: Clock): Pick<Channel, 'send' | 'typing'> {
  return {
    send: async ({ conversation, key, text }, signal) => {
      if (signal.aborted) return { kind: 'refused_for_now', error: 'aborted before it was shown' };
      transcripts.say(conversation.externalId, { type: 'message', key, text, at: clock.now() });
      return { kind: 'sent', providerId: key };
    },
    typing: async (conversation, on) => transcripts.emit(conversation.externalId, { type: 'typing', on }),
  };
}

/**
 * A channel whose platform is this process: what the bot says is kept in memory and told to who listens to
 * {@link PlaygroundChannel.hub}. It signs nothing; the HTTP room decides who may post. A repeated send is recognised by
 * its key as long as the process lives, and the page recognises it after that.
 */
export function createPlaygroundChannel(account: { id: ChannelId; orgId: OrgId }, deps: Deps): PlaygroundChannel {
  const transcripts = createTranscripts();
  return {
    ...account,
    kind: 'playground',
    resolution: { by: 'key', windowMs: DAY_MS },
    requestMs: 1000,
    landingMs: 0,
    hub: transcripts,
    verify: () => null,
    parse: (delivery) => parse(delivery, deps.newId),
    split: (text) => (text.trim() === '' ? [] : [text]),
    ...delivering(transcripts, deps.clock),
  };
}
