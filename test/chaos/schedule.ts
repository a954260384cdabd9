import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { startOpenAi } from '../../simulators/openai/index.ts';
import type { OpenAiSim } from '../../simulators/openai/index.ts';
import { Lives } from './lives.ts';
import { claimOf, isOwed, judge } from './oracle.ts';
import type { Evidence, Said, Taken, Violation } from './oracle.ts';
import { SCALE } from './plan.ts';
import type { Plan, Step } from './plan.ts';
import { numberedAnswers, shown } from './replies.ts';
import { seeded } from './seeded.ts';

/** A healed process that owes something, and shows no sign of it for so long, ms, has lost it. */
const SILENCE_MS = 15_000;
/** A conversation is given back so long after anything else in it: Chatwoot's REST tells whole seconds, so that within one nobody can tell what came first, ms. */
const GIVE_BACK_MS = 1200;
const LOOK_MS = 15;

/** What a schedule came to. */
export interface Outcome {
  plan: Plan;
  violations: Violation[];
  sent: number;
  acknowledged: number;
  answered: number;
  /** Faults by kind: of the process (`kill plan:before`), of Chatwoot, its webhooks, the model. */
  faults: Record<string, number>;
  /** From the end of a disturbance to the next answer, where some were owed, ms. */
  recoveries: number[];
  ms: number;
  log: string;
}

interface Stage {
  plan: Plan;
  chatwoot: ChatwootSim;
  openai: OpenAiSim;
  lives: Lives;
  url: string;
  webhookUrl: string;
  said: { said: Omit<Said, 'messages'>; ids: number[] }[];
  taken: { conversation: number; at: number; backAt: number; message: number | null }[];
  extra: Violation[];
}

/** Ports below the range that outgoing connections are given, so that nobody takes one while the process is down. */
const PORTS = { first: 20_000, count: 10_000 };
let lastPort = Math.floor(Math.random() * PORTS.count);

async function freePort(): Promise<number> {
  for (;;) {
    lastPort = (lastPort + 1) % PORTS.count;
    const port = PORTS.first + lastPort;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
}

/** Runs one schedule from an empty folder to its judgement. */
export async function runSchedule(plan: Plan): Promise<Outcome> {
  const startedAt = Date.now();
  const folder = await mkdtemp(join(tmpdir(), 'chasqui-chaos-'));
  const stage = await setUp(plan, folder);
  try {
    if (!(await stage.lives.start())) await stage.lives.heal();
    await act(stage);
    await heal(stage);
    await giveBack(stage);
    const dead = await deadLetters(stage);
    await stage.lives.end();
    return outcomeOf(stage, { dead, ms: Date.now() - startedAt });
  } finally {
    await stage.lives.end();
    await Promise.all([stage.chatwoot.close(), stage.openai.close()]);
    await rm(folder, { recursive: true, force: true });
  }
}

async function setUp(plan: Plan, folder: string): Promise<Stage> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const webhookUrl = `${url}/chatwoot/webhook`;
  const { seed, rest, webhook, model, shuffle } = plan;
  const random = seeded(seed ^ 0x5eed);
  const chatwoot = await startChatwoot({
    webhookUrl,
    limits: 'off',
    webhook: { timeoutMs: SCALE.webhookTimeoutMs, retryDelayMs: SCALE.webhookRetryMs, shuffle },
    faults: { seed, rest, webhook, maxDelayMs: 150, landingMs: SCALE.lateLandMs },
    random: random.next,
  });
  const openai = await startOpenAi({ respond: numberedAnswers(), faults: { seed, rates: model, maxDelayMs: 400 } });
  const { CHATWOOT_BASE_URL, CHATWOOT_ACCOUNT_ID, CHATWOOT_API_TOKEN, CHATWOOT_READ_TOKEN, CHATWOOT_WEBHOOK_SECRET } = chatwoot.env() as Record<string, string>;
  const lives = new Lives(plan, {
    PORT: String(port),
    DATA_DIR: join(folder, 'data'),
    SIM_BASE_URL: CHATWOOT_BASE_URL ?? '',
    SIM_ACCOUNT_ID: CHATWOOT_ACCOUNT_ID ?? '',
    SIM_API_TOKEN: CHATWOOT_API_TOKEN ?? '',
    SIM_READ_TOKEN: CHATWOOT_READ_TOKEN ?? '',
    SIM_WEBHOOK_SECRET: CHATWOOT_WEBHOOK_SECRET ?? '',
    ...openai.env(),
  });
  return { plan, chatwoot, openai, lives, url, webhookUrl, said: [], taken: [], extra: [] };
}

/** Everything happens at its time, whatever else is still going on. */
async function act(stage: Stage): Promise<void> {
  const startedAt = Date.now();
  const underWay: Promise<void>[] = [];
  for (const step of stage.plan.steps) {
    await until(startedAt + step.at);
    underWay.push(Promise.resolve(take(stage, step)));
  }
  await until(startedAt + stage.plan.spanMs);
  await Promise.all(underWay);
}

const until = (at: number): Promise<void> => wait(Math.max(0, at - Date.now()));

function take(stage: Stage, step: Step): void | Promise<void> {
  switch (step.do) {
    case 'say':
      return say(stage, step);
    case 'take_over':
      return takeOver(stage, step);
    case 'no_webhooks':
      return noWebhooks(stage, step.ms);
    case 'kill':
      return stage.lives.kill(step.ms);
    case 'deploy':
      return stage.lives.deploy(step.ms);
    case 'freeze':
      return stage.lives.freeze(step.ms);
  }
}

function say(stage: Stage, step: Pick<Step & { do: 'say' }, 'conversation' | 'tag' | 'text' | 'copies' | 'fate'>): void {
  const { conversation, tag, text, copies, fate } = step;
  const ids = Array.from({ length: copies }, () => stage.chatwoot.contactSends(conversation, text));
  stage.said.push({ said: { conversation, tag, fate }, ids });
}

function takeOver({ chatwoot, taken }: Stage, { conversation, how }: Step & { do: 'take_over' }): void {
  const at = Date.now();
  let message: number | null = null;
  if (how === 'agent_reply') message = chatwoot.agentReplies(conversation, 'A person speaking.');
  else if (how === 'assigned') chatwoot.assign(conversation, 1);
  else chatwoot.setStatus(conversation, 'open', 2);
  taken.push({ conversation, at, backAt: Infinity, message });
}

async function noWebhooks({ chatwoot, lives, webhookUrl }: Stage, ms: number): Promise<void> {
  lives.faults.push('no_webhooks outside');
  chatwoot.setWebhookUrl(null);
  await wait(ms);
  chatwoot.setWebhookUrl(webhookUrl);
}

/** No more faults; then everything owed must come. */
async function heal(stage: Stage): Promise<void> {
  const { chatwoot, openai, lives } = stage;
  chatwoot.faults.rest.stop();
  chatwoot.faults.webhook.stop();
  openai.faults.stop();
  await lives.heal();
  await rest(stage);
}

/** Waits until everything owed was shown and nothing is under way, on either side, or there is no hope. */
async function rest(stage: Stage): Promise<void> {
  let last = '';
  let lastAt = Date.now();
  while (Date.now() < lastAt + SILENCE_MS) {
    if (!isOwing(stage) && (await isIdle(stage))) return;
    await wait(LOOK_MS);
    const signs = signsOf(stage);
    if (signs !== last) lastAt = Date.now();
    last = signs;
  }
}

/** Changes with every message shown, webhook answered, question asked of the model, and end of a process. */
const signsOf = ({ chatwoot, openai, lives }: Stage): string =>
  [chatwoot.ledger.botMessages, chatwoot.ledger.deliveries.filter(({ end }) => end !== 'pending'), openai.calls, lives.faults].map(({ length }) => length).join();

function isOwing(stage: Stage): boolean {
  const evidence = evidenceOf(stage, []);
  const { catchUp, shown: all } = evidence;
  const isMissing = (said: Said): boolean => {
    const owed = isOwed(said, catchUp) && claimOf(evidence, said) === 'must';
    const isThere = all.some((each) => (said.fate === 'answer' ? each.kind === 'answer' && each.tags.includes(said.tag) : each.kind === said.fate && each.conversation === said.conversation));
    return owed && !isThere;
  };
  return stage.chatwoot.ledger.deliveries.some(({ end }) => end === 'pending') || evidence.said.some(isMissing);
}

async function isIdle({ url }: Stage): Promise<boolean> {
  const stats = await ask<{ queue: { waiting: number; active: number; delayed: number } }>(`${url}/chatwoot/stats`);
  return stats !== null && stats.queue.waiting + stats.queue.active + stats.queue.delayed === 0;
}

async function ask<T>(url: string): Promise<T | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    return response.ok ? ((await response.json()) as T) : null;
  } catch {
    return null;
  }
}

/** Where a person had the conversation: what is said now stays unanswered; given back, the next message is answered. */
async function giveBack(stage: Stage): Promise<void> {
  if (stage.taken.length === 0) return;
  await wait(2 * SCALE.catchUpMs);
  for (const { conversation } of stage.taken) say(stage, { conversation, tag: `[m:${conversation}.81]`, text: `still there? [m:${conversation}.81]`, copies: 1, fate: 'answer' });
  await rest(stage);
  await wait(GIVE_BACK_MS);
  for (const taken of stage.taken) {
    if (taken.message === null) stage.chatwoot.assign(taken.conversation, 'bot');
    else stage.chatwoot.resolve(taken.conversation);
    taken.backAt = Date.now();
  }
  await stage.chatwoot.settled();
  for (const { conversation } of stage.taken) say(stage, { conversation, tag: `[m:${conversation}.82]`, text: `and now? [m:${conversation}.82]`, copies: 1, fate: 'answer' });
  await rest(stage);
}

async function deadLetters(stage: Stage): Promise<string[]> {
  const page = await ask<{ jobs: { reason: string }[] }>(`${stage.url}/admin/dlq?limit=500`);
  if (page === null) stage.extra.push({ kind: 'process', detail: 'GET /admin/dlq did not answer' });
  return page?.jobs.map(({ reason }) => reason) ?? [];
}

/** The first moment at which Chasqui had acknowledged the takeover's own webhooks. */
function knownAt({ chatwoot }: Stage, { conversation, at, message }: Stage['taken'][number]): number | null {
  const about = chatwoot.ledger.deliveries.filter((each) =>
    message === null ? each.conversation === conversation && each.message === null && each.at >= at && each.at <= at + 5 : each.message === message && each.event === 'message_created',
  );
  const ends = about.map(({ attempts }) => attempts.find(({ status }) => status !== null && status >= 200 && status < 300)?.endedAt ?? Infinity);
  const last = message === null ? Math.max(...ends) : Math.min(...ends);
  return Number.isFinite(last) ? last : null;
}

function evidenceOf(stage: Stage, dead: string[]): Evidence {
  const { ledger } = stage.chatwoot;
  const byId = new Map(ledger.contactMessages.map((message) => [message.id, message]));
  const taken = stage.taken.map((each): Taken => ({ conversation: each.conversation, at: each.at, knownAt: knownAt(stage, each), backAt: each.backAt }));
  return {
    said: stage.said.map(({ said, ids }) => ({ ...said, messages: ids.flatMap((id) => byId.get(id) ?? []) })),
    shown: ledger.botMessages.map(shown),
    taken,
    dead,
    catchUp: stage.plan.catchUp,
  };
}

function outcomeOf(stage: Stage, { dead, ms }: { dead: string[]; ms: number }): Outcome {
  const { lives, plan } = stage;
  const evidence = evidenceOf(stage, dead);
  const surprises = lives.surprises.map((detail): Violation => ({ kind: 'process', detail }));
  const messages = evidence.said.flatMap(({ messages: copies }) => copies);
  return {
    plan,
    violations: [...judge(evidence), ...stage.extra, ...surprises],
    sent: messages.length,
    acknowledged: messages.filter(({ ackAt }) => ackAt !== null).length,
    answered: evidence.said.filter(({ tag }) => evidence.shown.some((each) => each.kind === 'answer' && each.tags.includes(tag))).length,
    faults: faultsOf(stage),
    recoveries: recoveriesOf(stage, evidence),
    ms,
    log: lives.log,
  };
}

function faultsOf({ chatwoot, openai, lives }: Stage): Record<string, number> {
  const counts: Record<string, number> = {};
  const add = (kind: string, by: number): void => void (counts[kind] = (counts[kind] ?? 0) + by);
  for (const fault of lives.faults) add(fault, 1);
  for (const [kind, count] of Object.entries(chatwoot.faults.rest.counts)) add(`rest ${kind}`, count);
  for (const [kind, count] of Object.entries(chatwoot.faults.webhook.counts)) add(`webhook ${kind}`, count);
  for (const [kind, count] of Object.entries({ ...openai.faults.counts })) add(`model ${kind}`, count);
  for (const [kind, count] of Object.entries(openai.taggedCounts)) add(`model ${kind}`, count);
  return counts;
}

function recoveriesOf({ lives }: Stage, { said, shown: all }: Evidence): number[] {
  return lives.disturbances.flatMap(({ overAt }) => {
    const wasOwed = said.some(({ tag, messages }) => {
      const first = all.find((each) => each.kind === 'answer' && each.tags.includes(tag));
      return first !== undefined && first.at >= overAt && (messages[0]?.at ?? Infinity) < overAt;
    });
    const next = all.find(({ at }) => at >= overAt);
    return wasOwed && next ? [next.at - overAt] : [];
  });
}
