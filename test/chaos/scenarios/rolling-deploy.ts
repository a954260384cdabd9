/**
 * A rolling deploy under load: 2 APIs and 2 workers on PostgreSQL behind a load balancer that respects `/readyz`, each replaced by a new
 * process, one after the other. Settings are the product's own, but for the drain delay.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { startChatwoot } from '../../../simulators/chatwoot/index.ts';
import type { ChatwootSim } from '../../../simulators/chatwoot/index.ts';
import { startOpenAi } from '../../../simulators/openai/index.ts';
import { nameOf } from '../cell.ts';
import { Child } from '../child.ts';
import { ownEnv } from '../fleet.ts';
import { startFront } from '../front.ts';
import { answering, openGrounds } from '../grounds.ts';
import type { Grounds } from '../grounds.ts';
import { VIOLATIONS, judge } from '../oracle.ts';
import type { Evidence, Said } from '../oracle.ts';
import { lastingPort } from '../ports.ts';
import { numberedAnswers, shown } from '../replies.ts';
import { row, times } from '../report.ts';
import { channelEnv } from '../stage.ts';
import type { Scenario, ScenarioOptions } from './index.ts';

const ROLES = ['api', 'worker', 'api', 'worker'] as const;
const CONVERSATIONS = 40;
const MESSAGES_PER_SECOND = 20;
/** How often the load balancer asks `/readyz`, ms. */
const PROBE_MS = 100;
/** Several probes long; 5000 on Kubernetes, whose probes are seconds apart. */
const DRAIN_DELAY_MS = 1000;
/** Load before the first and after the last replacement, ms. */
const CALM_MS = 3000;
/** Nothing new was answered for so long, ms: what is missing now is lost. */
const SILENCE_MS = 15_000;

interface Process {
  role: (typeof ROLES)[number];
  port: number;
  child: Child;
  isReady: boolean;
}

interface Replacement {
  role: Process['role'];
  /** From SIGTERM to the end of the process, ms. */
  ms: number;
  code: number | null;
}

interface Play {
  chatwoot: ChatwootSim;
  env: Record<string, string>;
  processes: Set<Process>;
  said: { said: Omit<Said, 'messages'>; id: number }[];
}

async function startProcess({ env, processes }: Play, role: Process['role']): Promise<Process> {
  const port = await lastingPort();
  const child = new Child({ ...env, APP_MODE: role, PORT: String(port) }, { failpoints: [], planted: null, catchUp: false, rests: null }, () => undefined);
  if (!(await child.ready)) throw new Error(`a process did not start: ${child.log}`);
  const started = { role, port, child, isReady: false };
  processes.add(started);
  return started;
}

async function probe({ port }: Process): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

/** What a load balancer does all day. */
async function probing({ processes }: Play, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await Promise.all([...processes].filter(({ role }) => role === 'api').map(async (each) => void (each.isReady = await probe(each))));
    await wait(PROBE_MS);
  }
}

async function talking({ chatwoot, said }: Play, over: AbortSignal): Promise<void> {
  const count = new Map<number, number>();
  for (let n = 0; !over.aborted; n++) {
    const conversation = 1 + (Math.imul(n, 7) % CONVERSATIONS);
    const number = (count.get(conversation) ?? 0) + 1;
    count.set(conversation, number);
    const tag = `[m:${conversation}.${number}]`;
    said.push({ said: { conversation, tag, fate: 'answer' }, id: chatwoot.contactSends(conversation, `hello ${tag}`) });
    await wait(1000 / MESSAGES_PER_SECOND);
  }
}

async function replace(play: Play, old: Process): Promise<Replacement> {
  const fresh = await startProcess(play, old.role);
  while (old.role === 'api' && !fresh.isReady) await wait(PROBE_MS);
  const startedAt = Date.now();
  const inTime = await old.child.stop();
  const { code } = await old.child.ended;
  play.processes.delete(old);
  return { role: old.role, ms: Date.now() - startedAt, code: inTime ? code : null };
}

const isAnswered = ({ chatwoot, said }: Play): boolean => {
  const tags = new Set(chatwoot.ledger.botMessages.map(shown).flatMap((each) => (each.kind === 'answer' ? each.tags : [])));
  return said.every((each) => tags.has(each.said.tag));
};

async function rest(play: Play): Promise<void> {
  let [count, at] = [0, Date.now()];
  while (!isAnswered(play) && Date.now() < at + SILENCE_MS) {
    const { length } = play.chatwoot.ledger.botMessages;
    if (length !== count) [count, at] = [length, Date.now()];
    await wait(50);
  }
}

/** The story itself: load, four replacements, the rest of the answers. */
async function deploy(play: Play): Promise<Replacement[]> {
  const over = new AbortController();
  const load = new AbortController();
  const probes = probing(play, over.signal);
  const old = await Promise.all(ROLES.map((role) => startProcess(play, role)));
  while (old.some(({ role, isReady }) => role === 'api' && !isReady)) await wait(PROBE_MS);
  const talk = talking(play, load.signal);
  await wait(CALM_MS);
  const replacements: Replacement[] = [];
  for (const each of old) replacements.push(await replace(play, each));
  await wait(CALM_MS);
  load.abort();
  await talk;
  await rest(play);
  await Promise.all([...play.processes].map(({ child }) => child.stop()));
  over.abort();
  await probes;
  return replacements;
}

function evidenceOf({ chatwoot, said }: Play): Evidence {
  const byId = new Map(chatwoot.ledger.contactMessages.map((message) => [message.id, message]));
  return { said: said.map((each) => ({ ...each.said, messages: [byId.get(each.id) ?? []].flat() })), shown: chatwoot.ledger.botMessages.map(shown), taken: [], dead: [], catchUp: true };
}

/** From the acknowledgement to the answer, ms. */
function waits({ said, shown: all }: Evidence): number[] {
  return said.flatMap(({ tag, messages }) => {
    const answer = all.find((each) => each.kind === 'answer' && each.tags.includes(tag));
    const ackAt = messages[0]?.ackAt ?? null;
    return answer && ackAt !== null ? [answer.at - ackAt] : [];
  });
}

function report(play: Play, replacements: Replacement[], options: ScenarioOptions): boolean {
  const attempts = play.chatwoot.ledger.deliveries.flatMap((each) => each.attempts);
  const failed = attempts.filter(({ status }) => status === null || status >= 300);
  const forced = replacements.filter(({ code }) => code !== 0);
  const evidence = evidenceOf(play);
  const violations = judge(evidence);
  const lines = [
    row('cell', nameOf({ store: 'postgres', engine: options.engine })),
    row('replaced', replacements.map(({ role, ms, code }) => `${role} (${ms} ms, exit ${code ?? 'none'})`).join(', ')),
    row('messages', `${play.said.length}, ${MESSAGES_PER_SECOND} a second over ${CONVERSATIONS} conversations`),
    row('requests', attempts.length),
    row('failed requests', failed.length),
    ...VIOLATIONS.map((kind) => row(kind, violations.filter((each) => each.kind === kind).length)),
    row('forced stops', forced.length),
    row('answered after', times(waits(evidence).map((ms) => ({ ms })))),
    row('with', `DRAIN_DELAY_MS ${DRAIN_DELAY_MS}, /readyz asked every ${PROBE_MS} ms; all else as by default`),
  ];
  console.log(lines.join('\n'));
  for (const { kind, detail } of violations) console.log(`  ${kind}: ${detail}`);
  for (const { status, error, at } of failed) console.log(`  failed request at ${new Date(at).toISOString()}: ${status ?? error}`);
  return failed.length === 0 && violations.length === 0 && forced.length === 0;
}

async function playOn(grounds: Grounds, options: ScenarioOptions): Promise<boolean> {
  const { postgres, redis } = grounds;
  if (postgres) await answering(postgres);
  const chatwoot = await startChatwoot({ limits: 'off' });
  const openai = await startOpenAi({ respond: numberedAnswers(), faults: { seed: 1, rates: { delay: 0.5 }, maxDelayMs: 500 } });
  const servers = { DATABASE_URL: postgres?.url ?? '', ...(redis && { REDIS_URL: redis.url }) };
  const env = { ...ownEnv(), ...channelEnv(chatwoot), ...openai.env(), ...servers, DRAIN_DELAY_MS: String(DRAIN_DELAY_MS), GOVERNOR_RATE_LIMIT_ENABLED: 'false', LOG_LEVEL: 'warn' };
  const play: Play = { chatwoot, env, processes: new Set(), said: [] };
  const front = await startFront({ ready: () => [...play.processes].filter(({ isReady }) => isReady).map(({ port }) => port) });
  chatwoot.setWebhookUrl(`http://127.0.0.1:${front.port}/chatwoot/webhook`);
  try {
    return report(play, await deploy(play), options);
  } finally {
    await Promise.all([...play.processes].map(({ child }) => child.stop()));
    await Promise.all([front.close(), chatwoot.close(), openai.close()]);
  }
}

/** `npm run chaos -- --scenario rolling-deploy`: no failed request, nothing lost, doubled or reordered, no forced stop. */
export const rollingDeploy: Scenario = async (options) => {
  const grounds = await openGrounds({ store: 'postgres', engine: options.engine });
  try {
    return await playOn(grounds, options);
  } finally {
    await grounds.close();
  }
};
