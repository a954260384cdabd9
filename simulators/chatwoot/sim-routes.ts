import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseObject, readText, sendJson } from '../http-server.ts';
import type { JsonObject } from '../http-server.ts';
import type { ChatwootSim } from './index.ts';
import { STATUSES } from './world.ts';
import type { Status } from './world.ts';

type SimAction = (sim: ChatwootSim, body: JsonObject) => unknown;

/** `POST /sim/<name>`: what contacts and agents do, for the command line. */
const ACTIONS: Record<string, SimAction> = {
  'contact-messages': (sim, body) => ({ id: sim.contactSends(whole(body, 'conversation'), words(body, 'text')) }),
  'agent-replies': (sim, body) => ({ id: sim.agentReplies(whole(body, 'conversation'), words(body, 'text')) }),
  'agent-notes': (sim, body) => ({ id: sim.agentNote(whole(body, 'conversation'), words(body, 'text')) }),
  assign: (sim, body) => sim.assign(whole(body, 'conversation'), assigneeIn(body)),
  status: (sim, body) => sim.setStatus(whole(body, 'conversation'), statusIn(body)),
  edit: (sim, body) => sim.editMessage(whole(body, 'message'), words(body, 'text')),
  delete: (sim, body) => sim.deleteMessage(whole(body, 'message')),
  'webhook-url': (sim, body) => sim.setWebhookUrl(body['url'] === null ? null : words(body, 'url')),
  settled: (sim) => sim.settled(),
};

/** Everything under `/sim/`: the users' side over HTTP, and what it came to. */
export async function handleSimRoute(
  sim: ChatwootSim,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, , name = '', id] = (request.url ?? '').split('?')[0]?.split('/') ?? [];
  if (request.method === 'GET') return answerView(sim, response, { name, id: Number(id) });
  const action = ACTIONS[name];
  const body = parseObject(await readText(request));
  if (!action) return sendJson(response, 404, { error: `no action ${name}; known: ${Object.keys(ACTIONS).join(', ')}` });
  if (!body) return sendJson(response, 400, { error: 'the body must be a JSON object' });
  try {
    const result = await action(sim, body);
    sendJson(response, 200, result ?? { ok: true });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    sendJson(response, 400, { error: error.message });
  }
}

function answerView(sim: ChatwootSim, response: ServerResponse, { name, id }: { name: string; id: number }): void {
  if (name === 'ledger') return sendJson(response, 200, sim.ledger);
  if (name === 'faults') return sendJson(response, 200, { rest: sim.faults.rest.counts, webhook: sim.faults.webhook.counts });
  if (name === 'env') return sendJson(response, 200, sim.env());
  const view = name === 'conversations' ? sim.conversation(id) : null;
  if (view) return sendJson(response, 200, view);
  sendJson(response, 404, { error: `nothing at /sim/${name}` });
}

function whole(body: JsonObject, name: string): number {
  const value = Number(body[name]);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a positive integer`);
  return value;
}

function words(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new RangeError(`${name} must be a string`);
  return value;
}

function assigneeIn(body: JsonObject): number | 'bot' | null {
  const { assignee } = body;
  if (assignee === null || assignee === 'bot') return assignee;
  return whole(body, 'assignee');
}

function statusIn(body: JsonObject): Status {
  const status = STATUSES.find((each) => each === body['status']);
  if (!status) throw new RangeError(`status must be one of ${STATUSES.join(', ')}`);
  return status;
}
