import type { ChatwootSim } from '../../simulators/chatwoot/index.ts';

export interface Answered {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown>;
}

export interface RestRequest {
  token?: string;
  body?: unknown;
  signal?: AbortSignal;
}

/** Calls `/api/v1/accounts/1/conversations<path>` with fetch; with the bot's token unless told otherwise. */
export async function callRest(sim: ChatwootSim, line: string, request: RestRequest = {}): Promise<Answered> {
  const [method = 'GET', path = ''] = line.split(' ');
  const headers = { api_access_token: request.token ?? sim.tokens.bot, 'content-type': 'application/json' };
  const body = request.body === undefined ? undefined : typeof request.body === 'string' ? request.body : JSON.stringify(request.body);
  const url = `${sim.url}/api/v1/accounts/${sim.accountId}/conversations${path}`;
  const response = await fetch(url, { method, headers, body, signal: request.signal });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') && text !== '';
  return { status: response.status, headers: response.headers, text, json: isJson ? (JSON.parse(text) as Answered['json']) : {} };
}

export function payloadOf(answered: Answered): Record<string, unknown>[] {
  return answered.json['payload'] as Record<string, unknown>[];
}
