import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startChatwoot, type ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { startOpenAi, type OpenAiSim } from '../../simulators/openai/index.ts';
import { buildApp, type App } from '../../src/app/index.ts';
import { resolveConfig } from '../../src/config/index.ts';
import { until } from '../simulators/until.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Town {
  app: App;
  address: string;
  chatwoot: ChatwootSim;
  openai: OpenAiSim;
}

/** The whole of it, between a simulated Chatwoot and a simulated model. `org`: what the file says of the org. */
async function town(org: object = {}, env: Record<string, string> = {}): Promise<Town> {
  const dataDir = mkdtempSync(join(tmpdir(), 'chasqui-governor-'));
  closers.push(async () => rmSync(dataDir, { recursive: true, force: true }));
  const openai = await startOpenAi({});
  const chatwoot = await startChatwoot({ limits: 'off' });
  closers.push(() => openai.close(), () => chatwoot.close());
  const channel = {
    kind: 'chatwoot', id: 'cw', baseUrl: chatwoot.url, accountId: chatwoot.accountId, apiToken: chatwoot.tokens.bot, readToken: chatwoot.tokens.user, webhookSecret: chatwoot.webhookSecret,
  };
  const file = { name: 'chasqui.config.ts', value: { orgs: [{ id: 'a', ...org, channels: [channel] }] } };
  const settings = { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent', BURST_DEBOUNCE_MS: '0', WORKER_TYPING_ENABLED: 'false', QUEUE_RETRY_DELAY_MS: '20', CATCH_UP_INTERVAL_MS: '200', ...openai.env(), ...env };
  const app = await buildApp(resolveConfig({ env: settings, file }));
  closers.push(() => app.stop());
  const address = (await app.start()) as string;
  await app.working();
  chatwoot.setWebhookUrl(`${address}/webhooks/chatwoot/chn_cw`);
  return { app, address, chatwoot, openai };
}

const said = ({ chatwoot }: Town, id: number): string[] =>
  (chatwoot.conversation(id)?.messages ?? []).filter(({ type, private: isPrivate }) => type === 'outgoing' && !isPrivate).map(({ content }) => content);
const CLOSED = { governorServiceHoursEnabled: true, serviceHours: { timeZone: 'America/Lima', weekly: {} } };

describe('service hours, with Chatwoot', () => {
  it('handoff: says so once, opens the conversation with a note, and catch-up does not take it back', async () => {
    const all = await town({ ...CLOSED, serviceHours: { ...CLOSED.serviceHours, outside: 'handoff' }, locale: 'es' });
    all.chatwoot.contactSends(7, 'hola, necesito ayuda con mi pedido');
    await until(() => all.chatwoot.conversation(7)?.status === 'open');
    expect(said(all, 7)).toEqual(['Gracias por tu mensaje. En este momento está cerrado.']);
    expect(all.chatwoot.conversation(7)?.messages.filter(({ private: isPrivate }) => isPrivate).map(({ content }) => content)).toEqual([expect.stringContaining('fuera del horario')]);
    all.chatwoot.contactSends(7, '¿hay alguien?');
    await all.chatwoot.settled();
    const rounds = performance.now() + 600;
    await until(() => performance.now() > rounds);
    expect(all.chatwoot.conversation(7)?.status).toBe('open');
    expect(said(all, 7)).toHaveLength(1);
    expect(all.openai.calls).toHaveLength(0);
  });

  it('answer: the notice comes first, and the verdicts are told', async () => {
    const all = await town({ ...CLOSED, serviceHours: { ...CLOSED.serviceHours, outside: 'answer', message: 'Closed, says the org.' } });
    all.chatwoot.contactSends(7, 'hello there');
    await until(() => said(all, 7).length === 2);
    expect(said(all, 7)[0]).toBe('Closed, says the org.');
    const stats = (await (await fetch(`${all.address}/admin/governor/stats`)).json()) as { verdicts: object };
    expect(stats.verdicts).toEqual({ accepted: 1 });
  });
});

/** Resolves once the condition holds; rejects after ten seconds. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('never came true');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a contact that is a program', () => {
  it('which sends back what it gets: a few answers, then silence', async () => {
    const all = await town();
    all.chatwoot.contactSends(7, 'please tell me everything about it');
    const loops = async (): Promise<boolean> => (await all.app.metrics.text()).includes('bot_loops_total{channel="chatwoot",sign="echo"}');
    let echoed = 0;
    for (let round = 0; round < 8 && !(await loops()); round++) {
      await eventually(async () => said(all, 7).length > echoed || (await loops()));
      if (said(all, 7).length === echoed) break;
      echoed = said(all, 7).length;
      all.chatwoot.contactSends(7, said(all, 7).at(-1) as string);
    }
    expect(await loops()).toBe(true);
    expect(said(all, 7).length).toBeLessThanOrEqual(4);
    expect(all.openai.calls.length).toBeLessThanOrEqual(4);
  });
});

describe('a model that is down', () => {
  it('costs few calls, and its breaker shows in /health/resilience and the metrics', async () => {
    const all = await town();
    all.openai.faults.setRates({ fail: 1 });
    for (let n = 1; n <= 20; n++) all.chatwoot.contactSends(n, `message ${n}`);
    const resilience = async () => (await (await fetch(`${all.address}/health/resilience`)).json()) as { breakers: { name: string; state: string }[] };
    await eventually(async () => (await resilience()).breakers.some(({ state }) => state === 'open'));
    await all.chatwoot.settled();
    const { breakers } = await resilience();
    expect(breakers.find(({ state }) => state === 'open')?.name).toMatch(/^model 127\.0\.0\.1:\d+ sim-chat #[0-9a-f]{8}$/);
    await eventually(async () => /breaker_state\{name="model [^"]+"\} 1/.test(await all.app.metrics.text()));
    // Those that were under way when it opened, and no more.
    expect(all.openai.calls.length).toBeLessThanOrEqual(10);
    expect(await all.app.store.deadLetters.stats()).toMatchObject({ total: 0 });
  });
});
