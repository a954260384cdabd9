import type { IncomingMessage, ServerResponse } from 'node:http';
import { realSimClock, stoppableClock } from '../clock.ts';
import type { SimClock } from '../clock.ts';
import type { FaultPlan } from '../fault-plan.ts';
import { parseObject, readText, sendJson, startHttpServer } from '../http-server.ts';
import type { ListenOptions } from '../http-server.ts';
import { defaultAnswer } from './answer.ts';
import { usageOf } from './completion.ts';
import { createChatFaults, taggedFaults } from './faults.ts';
import type { ChatFault, ChatFaultOptions } from './faults.ts';
import { sendError, writeReply } from './reply.ts';
import { parseChatRequest } from './request.ts';
import type { ChatRequest } from './request.ts';

export { defaultAnswer, digestOf, tagsIn } from './answer.ts';
export type { ChatRequest } from './request.ts';

/** One call of the model. Appended when it comes; `outcome` is set when it ends. */
export interface ModelCall {
  /** UTC ms. */
  at: number;
  inputs: string[];
  model: string;
  stream: boolean;
  /** `answered`, the fault that was injected, or `aborted` by the client; `open` until then. */
  outcome: 'open' | 'answered' | 'aborted' | ChatFault['kind'];
  endedAt: number | null;
}

export interface OpenAiOptions extends ListenOptions {
  /** Default `sim-openai-key`. */
  apiKey?: string;
  /** Listed by /v1/models, and default of `env()`; any model is answered. Default `sim-chat`. */
  model?: string;
  /** Default: {@link defaultAnswer} of the inputs. */
  respond?: (request: ChatRequest) => string | Promise<string>;
  faults?: ChatFaultOptions;
  clock?: SimClock;
}

/** An OpenAI-compatible API with deterministic answers. */
export interface OpenAiSim {
  /** With `/v1`, as OPENAI_BASE_URL wants it. */
  readonly baseUrl: string;
  readonly port: number;
  readonly calls: ModelCall[];
  /** One operation, `chat`; an occasion is about its inputs. Tags in texts come first. */
  readonly faults: FaultPlan<ChatFault>;
  /** How many faults of each kind tags in texts asked for. */
  readonly taggedCounts: Partial<Record<ChatFault['kind'], number>>;
  env(): Record<string, string>;
  close(): Promise<void>;
}

interface Deps {
  clock: SimClock;
  apiKey: string;
  model: string;
  respond: (request: ChatRequest) => string | Promise<string>;
  chooseFault(request: ChatRequest): ChatFault | null;
  calls: ModelCall[];
}

/** Starts an OpenAI-compatible API on 127.0.0.1. */
export async function startOpenAi(options: OpenAiOptions = {}): Promise<OpenAiSim> {
  const timers = stoppableClock(options.clock ?? realSimClock);
  const faults = createChatFaults(options.faults ?? {});
  const taggedCounts: OpenAiSim['taggedCounts'] = {};
  const { apiKey = 'sim-openai-key', model = 'sim-chat' } = options;
  const calls: ModelCall[] = [];
  const respond = options.respond ?? ((request: ChatRequest) => defaultAnswer(request.inputs));
  const chooseFault = faultChooser(faults, taggedCounts);
  const deps: Deps = { clock: timers, apiKey, model, respond, chooseFault, calls };
  const server = await startHttpServer((request, response) => handle(deps, request, response), options);
  const baseUrl = `${server.url}/v1`;
  return {
    baseUrl,
    port: server.port,
    calls,
    faults,
    taggedCounts,
    env: () => ({ OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey, OPENAI_MODEL: model }),
    close() {
      timers.stop();
      return server.close();
    },
  };
}

function faultChooser(faults: FaultPlan<ChatFault>, counts: OpenAiSim['taggedCounts']): Deps['chooseFault'] {
  const tagged = taggedFaults();
  return ({ inputs }) => {
    const asked = tagged(inputs);
    if (asked) counts[asked.kind] = (counts[asked.kind] ?? 0) + 1;
    return asked ?? faults.next('chat', inputs.join('\n'));
  };
}

async function handle(deps: Deps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const text = await readText(request);
  if (request.headers.authorization !== `Bearer ${deps.apiKey}`) {
    const message = 'Incorrect API key provided.';
    return sendError(response, { status: 401, type: 'invalid_request_error', code: 'invalid_api_key', message });
  }
  const route = `${request.method} ${request.url?.split('?')[0]}`;
  if (route === 'GET /v1/models') return sendJson(response, 200, modelList(deps.model));
  if (route === 'POST /v1/chat/completions') return chat(deps, response, text);
  sendError(response, { status: 404, type: 'invalid_request_error', message: `Unknown request URL: ${route}.` });
}

function modelList(model: string): Record<string, unknown> {
  return { object: 'list', data: [{ id: model, object: 'model', created: 0, owned_by: 'simulator' }] };
}

async function chat(deps: Deps, response: ServerResponse, text: string): Promise<void> {
  const body = parseObject(text);
  const request = body === null ? 'We could not parse the JSON body of your request.' : parseChatRequest(body);
  if (typeof request === 'string') {
    return sendError(response, { status: 400, type: 'invalid_request_error', message: request });
  }
  const call = openCall(deps, request);
  const fault = deps.chooseFault(request);
  response.once('close', () => endCall(deps, call, response.writableFinished ? 'answered' : 'aborted'));
  if (fault && fault.kind !== 'delay' && fault.kind !== 'drip') endCall(deps, call, fault.kind);
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'fail') {
    return sendError(response, { status: fault.status, type: 'server_error', message: 'The server had an error.' });
  }
  if (fault?.kind === 'rate') return sendRateLimit(deps.clock, response, fault);
  const ready = (): Promise<void> => complete(deps, response, { request, fault, nth: deps.calls.length });
  if (fault?.kind !== 'delay') return ready();
  deps.clock.after(fault.ms, () => void ready().catch((error: unknown) => response.destroy(error as Error)));
}

function openCall({ clock, calls }: Deps, { inputs, model, stream }: ChatRequest): ModelCall {
  const call: ModelCall = { at: clock.now(), inputs, model, stream, outcome: 'open', endedAt: null };
  calls.push(call);
  return call;
}

/** The first outcome stays: a fault also ends the connection. */
function endCall({ clock }: Deps, call: ModelCall, outcome: ModelCall['outcome']): void {
  if (call.outcome !== 'open') return;
  call.outcome = outcome;
  call.endedAt = clock.now();
}

function sendRateLimit(clock: SimClock, response: ServerResponse, fault: Extract<ChatFault, { kind: 'rate' }>): void {
  const { retryAfterS, as = 'seconds' } = fault;
  const error = { status: 429, type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached.' };
  if (retryAfterS === undefined) return sendError(response, error);
  const date = new Date(clock.now() + retryAfterS * 1000).toUTCString();
  sendError(response, { ...error, retryAfter: as === 'date' ? date : String(retryAfterS) });
}

async function complete(
  { clock, respond }: Deps,
  response: ServerResponse,
  { request, fault, nth }: { request: ChatRequest; fault: ChatFault | null; nth: number },
): Promise<void> {
  const text = await contentOf(respond, request, fault);
  const { model, stream, includeUsage } = request;
  const created = Math.floor(clock.now() / 1000);
  const completion = { id: `chatcmpl-sim-${nth}`, created, model, text, usage: usageOf(request, text) };
  if (!response.destroyed) writeReply(clock, { response, completion, stream, includeUsage }, fault);
}

async function contentOf(
  respond: Deps['respond'],
  request: ChatRequest,
  fault: ChatFault | null,
): Promise<string> {
  if (fault?.kind === 'empty') return '';
  if (fault?.kind === 'huge') return 'ha '.repeat(Math.ceil(fault.bytes / 3));
  return respond(request);
}
