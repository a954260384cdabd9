import type { Clock } from '../../src/domain/clock.ts';
import type { Conversation } from '../../src/domain/conversation.ts';
import type { ChannelId, ConversationId, OrgId } from '../../src/domain/ids.ts';
import type { Channel, OutgoingPart } from '../../src/ports/channel.ts';
import type { Log, Telemetry } from '../../src/ports/telemetry.ts';
import { createChatwootChannel } from '../../src/channels/chatwoot/index.ts';
import type { ChatwootOptions } from '../../src/channels/chatwoot/index.ts';
import { NOW, SECRET } from './chatwoot-payloads.ts';

export const clock: Clock = { now: () => NOW, monotonic: () => NOW, sleep: async () => {} };

/** Remembers every count and log line as text. */
export function recorder(): Telemetry & { counts: string[]; lines: string[] } {
  const counts: string[] = [];
  const lines: string[] = [];
  const line = (fields: object, text: string) => void lines.push(`${text} ${JSON.stringify(fields)}`);
  const log: Log = { debug: line, info: line, warn: line, error: line, child: () => log };
  const meter = {
    count: (name: string, labels: Record<string, string> = {}) => void counts.push(`${name} ${labels.operation} ${labels.result}`),
    observe: () => {},
    gauge: () => {},
  };
  return { log, meter, counts, lines };
}

export interface Sent {
  url: URL;
  method: string;
  headers: Headers;
  body: unknown;
  redirect: string | undefined;
}

export type Answerer = (sent: Sent, init: RequestInit) => Response | Promise<Response>;

/** A channel whose requests go to `answer`, and are recorded. */
export function bench(answer: Answerer, options: Partial<ChatwootOptions> = {}): { channel: Channel; sent: Sent[]; telemetry: ReturnType<typeof recorder> } {
  const sent: Sent[] = [];
  const telemetry = recorder();
  const fakeFetch = async (input: string | URL | Request, init: RequestInit = {}) => {
    const request: Sent = {
      url: new URL(input instanceof Request ? input.url : input),
      method: init.method ?? 'GET',
      headers: new Headers(init.headers),
      body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
      redirect: init.redirect,
    };
    sent.push(request);
    return await answer(request, init);
  };
  const channel = createChatwootChannel(
    {
      id: 'chn_cw' as ChannelId,
      orgId: 'org_a' as OrgId,
      baseUrl: 'https://chat.example.com/',
      accountId: 1,
      apiToken: 'bot-token',
      readToken: 'agent-token',
      webhookSecret: SECRET,
      ...options,
    },
    { clock, fetch: fakeFetch, telemetry },
  );
  return { channel, sent, telemetry };
}

export const nobody: Answerer = () => {
  throw new Error('no request was expected');
};

export const json = (value: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json', ...headers } });

export const talk: Conversation = {
  id: 'cnv_1' as ConversationId,
  orgId: 'org_a' as OrgId,
  channelId: 'chn_cw' as ChannelId,
  externalId: '31',
  owner: 'bot',
  ownerEpoch: 1,
  ownerSince: 0,
  locale: null,
  doubt: false,
};

export const part: OutgoingPart = { conversation: talk, key: 'turn_1-0', text: 'Hello <b> & "you"' };

export const never = (): AbortSignal => new AbortController().signal;
