import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import type { ChatwootSim } from '../../simulators/chatwoot/index.ts';
import { startOpenAi } from '../../simulators/openai/index.ts';
import type { OpenAiSim } from '../../simulators/openai/index.ts';
import { Fleet } from './fleet.ts';
import type { Grounds } from './grounds.ts';
import { Happenings } from './happenings.ts';
import type { Said, Violation } from './oracle.ts';
import type { Plan } from './plan.ts';
import { numberedAnswers } from './replies.ts';
import { scaleOf } from './scale.ts';
import { seeded } from './seeded.ts';
import { Servers } from './servers.ts';

/** Everything that a schedule is played with. */
export interface Stage {
  plan: Plan;
  chatwoot: ChatwootSim;
  openai: OpenAiSim;
  servers: Servers;
  fleet: Fleet;
  happenings: Happenings;
  said: { said: Omit<Said, 'messages'>; ids: number[] }[];
  taken: { conversation: number; at: number; backAt: number; message: number | null }[];
  extra: Violation[];
  close(): Promise<void>;
}

async function simulators({ seed, cell, rest, webhook, model, shuffle }: Plan): Promise<Pick<Stage, 'chatwoot' | 'openai'>> {
  const random = seeded(seed ^ 0x5eed);
  const { webhookTimeoutMs: timeoutMs, webhookRetryMs: retryDelayMs, lateLandMs: landingMs } = scaleOf(cell);
  const chatwoot = await startChatwoot({
    limits: 'off',
    webhook: { timeoutMs, retryDelayMs, shuffle },
    faults: { seed, rest, webhook, maxDelayMs: 150, landingMs },
    random: random.next,
  });
  const openai = await startOpenAi({ respond: numberedAnswers(), faults: { seed, rates: model, maxDelayMs: 400 } });
  return { chatwoot, openai };
}

/** What the processes are told of the platform; `test/chaos/process.ts` makes a channel of it. */
export function channelEnv(chatwoot: ChatwootSim): Record<string, string> {
  const { CHATWOOT_BASE_URL = '', CHATWOOT_ACCOUNT_ID = '', CHATWOOT_API_TOKEN = '', CHATWOOT_READ_TOKEN = '', CHATWOOT_WEBHOOK_SECRET = '' } = chatwoot.env();
  return {
    SIM_BASE_URL: CHATWOOT_BASE_URL,
    SIM_ACCOUNT_ID: CHATWOOT_ACCOUNT_ID,
    SIM_API_TOKEN: CHATWOOT_API_TOKEN,
    SIM_READ_TOKEN: CHATWOOT_READ_TOKEN,
    SIM_WEBHOOK_SECRET: CHATWOOT_WEBHOOK_SECRET,
  };
}

/** Sets everything up; nothing runs yet. */
export async function openStage(plan: Plan, grounds: Grounds): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'chasqui-chaos-'));
  const happenings = new Happenings();
  const { chatwoot, openai } = await simulators(plan);
  const servers = await Servers.open(grounds, happenings, plan.members.length);
  const fleet = await Fleet.open({ plan, servers, happenings, env: { DATA_DIR: join(folder, 'data'), ...channelEnv(chatwoot), ...openai.env() } });
  chatwoot.setWebhookUrl(fleet.webhookUrl);
  async function close(): Promise<void> {
    await fleet.close();
    await Promise.all([chatwoot.close(), openai.close(), servers.close()]);
    await rm(folder, { recursive: true, force: true });
  }
  return { plan, chatwoot, openai, servers, fleet, happenings, said: [], taken: [], extra: [], close };
}
