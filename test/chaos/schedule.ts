import { setTimeout as wait } from 'node:timers/promises';
import type { Grounds } from './grounds.ts';
import { claimOf, isOwed } from './oracle.ts';
import type { Said } from './oracle.ts';
import { evidenceOf, outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { Plan, Step } from './plan.ts';
import { scaleOf } from './scale.ts';
import { openStage } from './stage.ts';
import type { Stage } from './stage.ts';
import { Stillness } from './still.ts';

/** A healed Chasqui that owes something, and shows no sign of it for so long, ms, has lost it. */
const SILENCE_MS = 15_000;
/** A conversation is given back so long after anything else in it: Chatwoot's REST tells whole seconds, so that within one nobody can tell what came first, ms. */
const GIVE_BACK_MS = 1200;
const LOOK_MS = 15;
/** Redis serves again, and so long after that, ms, every process uses it. */
const BACK_MS = 5000;

/** Runs one schedule from an empty database to its judgement. */
export async function runSchedule(plan: Plan, grounds: Grounds): Promise<Outcome> {
  const startedAt = Date.now();
  using still = new Stillness();
  const stage = await openStage(plan, grounds);
  try {
    if (plan.redisLateMs !== null) await stage.servers.absentRedis(plan.redisLateMs);
    await stage.fleet.start();
    await act(stage);
    await heal(stage);
    await giveBack(stage);
    const dead = await deadLetters(stage);
    await backToRedis(stage);
    await stage.fleet.end();
    return outcomeOf(stage, { dead, ms: Date.now() - startedAt, stillMs: still.longestMs });
  } finally {
    await stage.close();
  }
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
    case 'deploy':
    case 'freeze':
    case 'block':
      return stage.fleet.strike(step);
    case 'postgres_restart':
    case 'postgres_terminate':
    case 'redis_kill':
    case 'redis_freeze':
    case 'redis_flush':
    case 'redis_pause':
    case 'half_open':
      return stage.servers.strike(step);
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

async function noWebhooks({ chatwoot, fleet, happenings }: Stage, ms: number): Promise<void> {
  happenings.faults.push('no_webhooks outside');
  chatwoot.setWebhookUrl(null);
  await wait(ms);
  chatwoot.setWebhookUrl(fleet.webhookUrl);
}

/** No more faults; then everything owed must come. */
async function heal(stage: Stage): Promise<void> {
  const { chatwoot, openai, servers, fleet } = stage;
  chatwoot.faults.rest.stop();
  chatwoot.faults.webhook.stop();
  openai.faults.stop();
  await servers.heal();
  await fleet.heal();
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

/** Changes with every message shown, webhook answered, question asked of the model, and fault of a process. */
const signsOf = ({ chatwoot, openai, happenings }: Stage): string =>
  [chatwoot.ledger.botMessages, chatwoot.ledger.deliveries.filter(({ end }) => end !== 'pending'), openai.calls, happenings.faults].map(({ length }) => length).join();

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

async function isIdle({ fleet }: Stage): Promise<boolean> {
  const stats = await ask<{ queue: { waiting: number; active: number; delayed: number } }>(`${fleet.url}/chatwoot/stats`);
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
  await wait(2 * scaleOf(stage.plan.cell).catchUpMs);
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

/** Redis is back: whoever did without it has to find that out. */
async function backToRedis({ fleet, extra }: Stage): Promise<void> {
  const until = Date.now() + BACK_MS;
  while (fleet.degraded.length > 0 && Date.now() < until) await wait(LOOK_MS);
  for (const name of fleet.degraded) extra.push({ kind: 'still degraded', detail: `${name} has not come back to Redis` });
}

async function deadLetters({ fleet, extra }: Stage): Promise<string[]> {
  const page = await ask<{ jobs: { reason: string }[] }>(`${fleet.url}/admin/dlq?limit=500`);
  if (page === null) extra.push({ kind: 'process', detail: 'GET /admin/dlq did not answer' });
  return page?.jobs.map(({ reason }) => reason) ?? [];
}
