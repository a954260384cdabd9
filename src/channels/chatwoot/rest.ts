import type { Clock } from '../../domain/clock.ts';
import type { ChannelId } from '../../domain/ids.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { readBounded } from './bounded-body.ts';
import { describeFailure, wasNeverWritten } from './network-failure.ts';
import type { ChatwootSettings } from './options.ts';

export type Operation = 'send' | 'note' | 'typing' | 'set_status' | 'read_messages' | 'read_conversation' | 'list_conversations';

/** One request under `/api/v1/accounts/{account}/conversations`. */
export interface Call {
  operation: Operation;
  /** What follows `/conversations`, query included. */
  path: string;
  /** Present: a POST with the bot's token. Absent: a GET with the reading token, or the bot's when there is none. */
  body?: object;
}

export type Reply =
  /** `text` is null when the body could not be read, or was too long. */
  | { kind: 'answered'; status: number; text: string | null; retryAfterMs: number | undefined }
  /** Nothing was written. */
  | { kind: 'not_sent'; error: string }
  /** It may have been carried out. */
  | { kind: 'no_answer'; error: string };

/** Never throws: what went wrong is the reply. Every call ends within `requestMs`, and is counted. */
export type Rest = (call: Call, signal: AbortSignal) => Promise<Reply>;

export interface RestDeps {
  clock: Clock;
  fetch: typeof fetch;
  telemetry: Telemetry;
  channel: ChannelId;
}

/** Answers to writes are one message; lists hold up to 25 conversations with a message each. */
const WRITE_LIMIT = 256 * 1024;
const READ_LIMIT = 8 * 1024 * 1024;

export function createRest(settings: ChatwootSettings, deps: RestDeps): Rest {
  return async (call, signal) => {
    const reply = await exchange(settings, deps, { call, signal });
    const result = resultOf(reply);
    deps.telemetry.meter.count('channel_requests_total', { channel: deps.channel, operation: call.operation, result });
    if (result !== 'ok') {
      deps.telemetry.log.debug({ channel: deps.channel, operation: call.operation, ...outcomeOf(reply) }, 'A request to Chatwoot failed');
    }
    return reply;
  };
}

async function exchange(settings: ChatwootSettings, deps: RestDeps, { call, signal }: { call: Call; signal: AbortSignal }): Promise<Reply> {
  if (signal.aborted) return { kind: 'not_sent', error: 'stopped before the request was made' };
  const url = `${settings.baseUrl}/api/v1/accounts/${settings.accountId}/conversations${call.path}`;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(settings.requestMs)]);
  try {
    const response = await deps.fetch(url, { ...requestOf(settings, call), signal: deadline });
    const text = await readBounded(response, call.body ? WRITE_LIMIT : READ_LIMIT);
    return { kind: 'answered', status: response.status, text, retryAfterMs: retryAfterMs(response.headers.get('retry-after'), deps.clock.now()) };
  } catch (error) {
    return { kind: wasNeverWritten(error) ? 'not_sent' : 'no_answer', error: describeFailure(error) };
  }
}

/** Redirects are not followed: they would carry the token to wherever they point. */
function requestOf(settings: ChatwootSettings, call: Call): RequestInit {
  const token = call.body ? settings.apiToken : (settings.readToken ?? settings.apiToken);
  const headers = { accept: 'application/json', api_access_token: token };
  if (!call.body) return { method: 'GET', redirect: 'manual', headers };
  return { method: 'POST', redirect: 'manual', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(call.body) };
}

/** Longer pauses than this are not believed. */
const LONGEST_PAUSE_MS = 3_600_000;

/** `Retry-After` in seconds or as a date, as ms from `now`. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const ms = /^\s*[0-9]+(\.[0-9]+)?\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(Math.ceil(ms), 0), LONGEST_PAUSE_MS) : undefined;
}

function resultOf(reply: Reply): string {
  if (reply.kind !== 'answered') return reply.kind;
  if (reply.status >= 500) return 'server_error';
  if (reply.status >= 300) return 'refused';
  return reply.text === null ? 'unreadable' : 'ok';
}

const outcomeOf = (reply: Reply): object => (reply.kind === 'answered' ? { status: reply.status } : { error: reply.error });
