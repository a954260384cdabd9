import type { ServerResponse } from 'node:http';
import type { SimClock } from '../clock.ts';
import { sendJson } from '../http-server.ts';
import { chunkEvents, completionBody } from './completion.ts';
import type { Completion } from './completion.ts';
import type { ChatFault } from './faults.ts';

export interface Reply {
  response: ServerResponse;
  completion: Completion;
  stream: boolean;
  includeUsage: boolean;
}

/** Writes a completion as the request wants it, and as the fault spoils it. */
export function writeReply(clock: SimClock, reply: Reply, fault: ChatFault | null): void {
  if (fault?.kind === 'cut') return writeHalf(reply);
  if (fault?.kind === 'json') return writeNonsense(reply);
  if (fault?.kind === 'drip') return drip(clock, reply, fault.ms);
  if (!reply.stream) return sendJson(reply.response, 200, completionBody(reply.completion));
  startStream(reply.response);
  reply.response.end(streamPieces(reply).join(''));
}

function startStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
}

function streamPieces({ completion, includeUsage }: Reply): string[] {
  return [...chunkEvents(completion, includeUsage), '[DONE]'].map((data) => `data: ${data}\n\n`);
}

/** The body in the pieces in which a slow server would hand it out. */
function piecesOf(reply: Reply): string[] {
  if (reply.stream) return streamPieces(reply);
  return JSON.stringify(completionBody(reply.completion)).match(/.{1,40}/gs) ?? [];
}

function startPieces(reply: Reply): void {
  if (reply.stream) startStream(reply.response);
  else reply.response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
}

function writeHalf(reply: Reply): void {
  const pieces = piecesOf(reply);
  startPieces(reply);
  const half = pieces.slice(0, Math.ceil(pieces.length / 2)).join('');
  // Closed rather than reset: a reset may overtake the half that the client should get.
  reply.response.write(half, () => reply.response.socket?.destroy());
}

function writeNonsense(reply: Reply): void {
  startPieces(reply);
  const nonsense = '{"id":"chatcmpl-broken","choices":[{';
  reply.response.end(reply.stream ? `data: ${nonsense}\n\n` : nonsense);
}

function drip(clock: SimClock, reply: Reply, ms: number): void {
  const pieces = piecesOf(reply);
  startPieces(reply);
  const next = (): void => {
    if (reply.response.destroyed) return;
    const piece = pieces.shift();
    if (piece === undefined) return void reply.response.end();
    reply.response.write(piece);
    clock.after(ms, next);
  };
  next();
}

/** https://platform.openai.com/docs/guides/error-codes */
export function sendError(
  response: ServerResponse,
  error: { status: number; type: string; message: string; code?: string; retryAfter?: string },
): void {
  const { status, type, message, code = null, retryAfter } = error;
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  sendJson(response, status, { error: { message, type, param: null, code } });
}
