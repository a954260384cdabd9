import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseObject, readText, resetConnection } from '../http-server.ts';
import type { ChatwootFaults, RestFault } from './faults.ts';
import { requestCounter } from './limits.ts';
import type { Limits } from './limits.ts';
import type { OpenWork } from './open-work.ts';
import type { Platform } from './platform.ts';
import { CONVERSATION_HANDLERS, listConversations } from './rest-handlers.ts';
import type { RestReply } from './rest-handlers.ts';
import { matchRoute } from './rest-routes.ts';
import type { RestRoute } from './rest-routes.ts';
import type { Agent, Bot } from './world.ts';

export interface RestDeps {
  platform: Platform;
  faults: ChatwootFaults;
  limits: Limits;
  work: OpenWork;
  tokens: { bot: string; user: string };
  /** `before_show`: an installation from before bots were allowed to read a conversation. */
  botAccess: 'current' | 'before_show';
}

/**
 * The application API under `/api/v1/accounts`.
 * https://developers.chatwoot.com/api-reference
 */
export function createRestApi(deps: RestDeps): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const withinLimit = requestCounter(deps.limits);
  return async (request, response) => {
    const text = await readText(request);
    if (!withinLimit(request.socket.remoteAddress ?? '', deps.platform.clock.now())) {
      return sendText(response, { status: 429, text: 'Retry later\n' });
    }
    const route = matchRoute(request.method ?? '', request.url ?? '');
    if (!route) return send(response, NOT_FOUND);
    const process = (): RestReply => answer(deps, route, { request, text });
    const fault = deps.faults.rest.next(route.operation, route.conversation);
    if (fault === null) send(response, process());
    else applyFault(fault, { deps, response, process });
  };
}

const NOT_FOUND: RestReply = { status: 404, json: { error: 'Resource could not be found' } };
const FOR_USERS_ONLY: RestReply = {
  status: 401,
  json: { error: 'Access to this endpoint is not authorized for bots' },
};

function answer(deps: RestDeps, route: RestRoute, sent: { request: IncomingMessage; text: string }): RestReply {
  const { platform, limits } = deps;
  const caller = callerOf(deps, sent.request);
  if (caller === null) return { status: 401, json: { error: 'Invalid Access Token' } };
  if (route.account !== platform.world.accountId) return NOT_FOUND;
  if (caller.type === 'agent_bot' && !mayCall(deps, route)) return FOR_USERS_ONLY;
  if (route.operation === 'conversation_list') {
    return caller.type === 'user' ? listConversations(platform, caller, route.query) : FOR_USERS_ONLY;
  }
  const conversation = platform.world.conversations.get(route.conversation);
  if (!conversation) return NOT_FOUND;
  const body = parseObject(sent.text);
  if (body === null) return { status: 400, json: { status: 400, error: 'Bad Request' } };
  return CONVERSATION_HANDLERS[route.operation]({ platform, limits, caller, conversation, body, query: route.query });
}

function callerOf({ tokens, platform }: RestDeps, { headers }: IncomingMessage): Agent | Bot | null {
  const token = headers['api_access_token'] ?? headers['api-access-token'];
  if (token === tokens.bot) return platform.world.bot;
  return token === tokens.user ? platform.world.integration : null;
}

/** Bots may write, and read one conversation at most: lists are for people's tokens. */
function mayCall({ botAccess }: RestDeps, { operation }: RestRoute): boolean {
  if (operation === 'message_list' || operation === 'conversation_list') return false;
  return !(operation === 'conversation_show' && botAccess === 'before_show');
}

interface Faulted {
  deps: RestDeps;
  response: ServerResponse;
  process: () => RestReply;
}

function applyFault(fault: RestFault, { deps, response, process }: Faulted): void {
  switch (fault.kind) {
    case 'status':
      return send(response, { status: fault.status, json: { error: 'Injected failure' } });
    case 'rate_limited':
      return sendText(response, { status: 429, text: 'Retry later\n', retryAfterS: fault.retryAfterS });
    case 'delay':
      return later(deps, fault.ms, () => send(response, process()));
    case 'hang':
      return;
    case 'reset_before':
      return resetConnection(response);
    case 'accept_then_reset':
      process();
      return resetConnection(response);
    case 'accept_then_500':
      process();
      return send(response, { status: 500, json: { error: 'Injected failure' } });
    case 'late_land': {
      response.once('close', () => later(deps, fault.ms, process));
    }
  }
}

function later({ platform, work }: RestDeps, ms: number, run: () => void): void {
  const end = work.begin();
  platform.clock.after(ms, () => {
    run();
    end();
  });
}

function send(response: ServerResponse, { status, json }: RestReply): void {
  if (response.destroyed) return;
  const body = json === null && status === 200 ? '' : JSON.stringify(json);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

/** Rack::Attack answers plain text, and says no Retry-After unless it was configured to. */
function sendText(response: ServerResponse, reply: { status: number; text: string; retryAfterS?: number }): void {
  const retryAfter = reply.retryAfterS === undefined ? {} : { 'retry-after': String(reply.retryAfterS) };
  response.writeHead(reply.status, { 'content-type': 'text/plain', ...retryAfter });
  response.end(reply.text);
}
