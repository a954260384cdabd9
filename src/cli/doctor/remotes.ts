import type { ChannelConfig, Config, ResponderConfig } from '../../config/index.ts';
import { ask } from './ask.ts';
import type { Answer } from './ask.ts';
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';
import type { Probes } from './probes.ts';

/** What was found out there, and how far the clocks there are from ours, ms. */
export interface RemoteFindings {
  findings: Finding[];
  skews: number[];
}

type Chatwoot = Extract<ChannelConfig['connection'], { kind: 'chatwoot' }>;
type Model = Extract<ResponderConfig, { kind: 'model' }>;

/** The only request that a bot's token and a person's are both known to: bots are refused it by name. */
const conversations = ({ baseUrl, accountId }: Chatwoot): string => `${baseUrl}/api/v1/accounts/${accountId}/conversations?status=pending&page=1`;

/** Why Chatwoot cannot be used at all, whoever asks; null when the token decides. */
function unusable(check: string, answer: Answer): Finding | null {
  if (answer.kind === 'silent') return fail(check, `Chatwoot does not answer (${answer.why})`, 'correct baseUrl, or let this machine reach it');
  const { status } = answer;
  if (status >= 300 && status < 400) return fail(check, 'the address redirects, which is not followed', 'set baseUrl to the address that it leads to');
  if (status === 404) return fail(check, 'Chatwoot knows no such account (404)', 'correct baseUrl and accountId: the number in the address of its pages, /app/accounts/1');
  if (status === 429 || status >= 500) return warn(check, `Chatwoot answers ${status} for now`, 'try again later');
  return null;
}

/** Chatwoot refuses bots this list in its own words, which shows that it knows the token. */
function judgeBotToken(check: string, answer: Answer): Finding {
  const trouble = unusable(check, answer);
  if (trouble || answer.kind === 'silent') return trouble as Finding;
  const { status, text } = answer;
  if (status === 200 || (status === 401 && /not authorized for bots/i.test(text))) return ok(check, 'Chatwoot answers and accepts the token');
  if (status === 401 && /invalid access token/i.test(text)) return fail(check, 'Chatwoot refuses the token', 'set apiToken to the access token of the agent bot');
  return warn(check, `Chatwoot answers ${status}, which says nothing about the token`, 'check by hand that apiToken is the access token of the agent bot');
}

function judgeReadToken(check: string, answer: Answer): Finding {
  const trouble = unusable(check, answer);
  if (trouble || answer.kind === 'silent') return trouble as Finding;
  if (answer.status === 200) return ok(check, 'conversations can be read');
  return fail(check, `Chatwoot answers ${answer.status} to the reading token`, 'set readToken to the access token of a person who is a member of the account and of the inboxes of the bot');
}

async function checkChatwoot(channel: ChannelConfig, connection: Chatwoot, probes: Probes): Promise<{ findings: Finding[]; answers: Answer[] }> {
  const url = conversations(connection);
  const bot = await ask(url, { accept: 'application/json', api_access_token: connection.apiToken }, probes);
  const findings = [judgeBotToken(channel.id, bot)];
  if (connection.readToken === null) {
    const fix = 'set readToken (CHATWOOT_READ_TOKEN) to the access token of a person who sees the inboxes of the bot';
    return { findings: [...findings, warn(channel.id, 'no reading token: messages missed while this was down are not caught up', fix)], answers: [bot] };
  }
  const read = await ask(url, { accept: 'application/json', api_access_token: connection.readToken }, probes);
  return { findings: [...findings, judgeReadToken(channel.id, read)], answers: [bot, read] };
}

/** The ids of https://platform.openai.com/docs/api-reference/models/list; null when it is something else. */
function modelIds(text: string): string[] | null {
  try {
    const { data } = JSON.parse(text) as { data?: { id?: unknown }[] };
    return Array.isArray(data) ? data.map(({ id }) => String(id)) : null;
  } catch {
    return null;
  }
}

function judgeModel({ model }: Model, answer: Answer): Finding {
  if (answer.kind === 'silent') return fail('model', `the endpoint does not answer (${answer.why})`, 'correct OPENAI_BASE_URL or the baseUrl of the responder, or let this machine reach it');
  const { status, text } = answer;
  if (status === 401 || status === 403) return fail('model', `the endpoint refuses the key (${status})`, 'set OPENAI_API_KEY, or the apiKey of the responder, to a key of this endpoint');
  if (status === 404 || status === 405) return ok('model', 'the endpoint answers; it lists no models, so the name was not looked for');
  if (status !== 200) return warn('model', `the endpoint answers ${status}`, 'check the address, which ends in /v1 for most, and try again later');
  const ids = modelIds(text);
  if (ids && !ids.includes(model)) return warn('model', `the endpoint does not list ${model}`, 'set OPENAI_MODEL, or the model of the responder, to one that it has');
  return ok('model', `the endpoint answers${ids ? ` and has ${model}` : ''}`);
}

async function checkModel(responder: Model, probes: Probes): Promise<{ findings: Finding[]; answers: Answer[] }> {
  const headers: Record<string, string> = responder.apiKey === null ? {} : { authorization: `Bearer ${responder.apiKey}` };
  const answer = await ask(`${responder.baseUrl}/models`, headers, probes);
  return { findings: [judgeModel(responder, answer)], answers: [answer] };
}

/** Channels share an endpoint more often than not. */
function modelsOf(channels: readonly ChannelConfig[]): Model[] {
  const models = channels.flatMap(({ responder }) => (responder.kind === 'model' ? [responder] : []));
  return [...new Map(models.map((model) => [JSON.stringify([model.baseUrl, model.apiKey, model.model]), model])).values()];
}

/** Asks every platform and model endpoint of the configuration, at once. Nothing is written anywhere. */
export async function checkRemotes(config: Config, probes: Probes): Promise<RemoteFindings> {
  const channels = config.orgs.flatMap((org) => org.channels);
  const chatwoots = channels.flatMap((channel) => (channel.connection.kind === 'chatwoot' ? [checkChatwoot(channel, channel.connection, probes)] : []));
  const results = await Promise.all([...chatwoots, ...modelsOf(channels).map((model) => checkModel(model, probes))]);
  const answers = results.flatMap((result) => result.answers);
  const skews = answers.flatMap((answer) => (answer.kind === 'answered' && answer.at !== null ? [probes.clock.now() - answer.at] : []));
  return { findings: results.flatMap((result) => result.findings), skews };
}
