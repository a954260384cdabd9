import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** Plays the endpoint for one request. */
export type Play = (response: ServerResponse, request: IncomingMessage) => unknown;

export interface Seen {
  path: string;
  authorization: string | undefined;
  body: { model: string; stream: boolean; stream_options?: unknown; temperature?: number; max_tokens?: number; messages: { role: string; content: string }[] };
}

export interface FakeEndpoint extends AsyncDisposable {
  baseUrl: string;
  seen: Seen[];
  /** Resolves when the client has let go of a request. */
  dropped: Promise<void>;
}

/** A local endpoint on a free port. */
export async function fakeEndpoint(play: Play): Promise<FakeEndpoint> {
  const seen: Seen[] = [];
  const dropped = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    response.on('close', () => { if (!response.writableEnded) dropped.resolve(); });
    void text(request).then((body) => {
      seen.push({ path: request.url ?? '', authorization: request.headers.authorization, body: JSON.parse(body) });
      play(response, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, seen, dropped: dropped.promise, [Symbol.asyncDispose]: () => close(server) };
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

export const event = (data: unknown): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;

export const delta = (content: string): string => event({ id: 'c1', model: 'tiny-2026', choices: [{ index: 0, delta: { content } }] });

export const finish = (reason: string): string => event({ id: 'c1', model: 'tiny-2026', choices: [{ index: 0, delta: {}, finish_reason: reason }] });

export const usage = (prompt: number, completion: number): string =>
  event({ id: 'c1', model: 'tiny-2026', choices: [], usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion } });

export const done = event('[DONE]');

/** Answers 200 with these events and ends. */
export const stream = (...events: string[]): Play => (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(events.join(''));
};

/** Answers 200 with these events and says no more. */
export const stall = (...events: string[]): Play => (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
  for (const part of events) response.write(part);
};

/** An error as OpenAI words it, with the key and the text in it, as careless endpoints do. */
export const refuse = (status: number, headers: Record<string, string> = {}, code = 'some_code'): Play => (response, request) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { message: `no: ${request.headers.authorization} SECRET-TEXT`, type: 'x', code } }));
};
