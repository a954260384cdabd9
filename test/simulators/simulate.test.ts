import { execFile } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { startChatwoot } from '../../simulators/chatwoot/index.ts';
import { connectSim } from '../../simulators/sim-client.ts';
import { callRest } from './chatwoot-client.ts';
import { startReceiver } from './receiver.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

function simulate(...flags: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['simulators/main.ts', ...flags], (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

describe('npm run simulate', () => {
  it('--send writes in a simulator that runs already, and prints what the contact sees', async () => {
    const sim = await startChatwoot();
    const receiver = await startReceiver((_, { json }) => {
      const { message_type: type, content, conversation } = json as { message_type?: string; content?: string; conversation?: { id: number } };
      if (type === 'incoming') void callRest(sim, `POST /${conversation?.id}/messages`, { body: { content: `You said ${content}` } });
      return 200;
    });
    closers.push(() => sim.close(), () => receiver.close());
    sim.setWebhookUrl(receiver.url);
    const ran = await simulate('--port', String(sim.port), '--conversation', '12', '--send', 'hola');
    expect(ran).toMatchObject({ code: 0, stdout: 'contact: hola\nbot: You said hola\n' });
    expect(sim.ledger.contactMessages).toMatchObject([{ conversation: 12, text: 'hola' }]);
  });

  it('starts both simulators itself, prints the environment, and says when nothing answers', async () => {
    const receiver = await startReceiver();
    closers.push(() => receiver.close());
    const ran = await simulate('--port', '0', '--webhook-url', receiver.url, '--wait', '1', '--send', 'hola', '--fault', 'drop=1');
    expect(ran.code).toBe(1);
    const names = [...ran.stdout.matchAll(/^([A-Z_]+)=\S+$/gm)].map(([, name]) => name);
    expect(names).toEqual([
      'CHATWOOT_BASE_URL',
      'CHATWOOT_ACCOUNT_ID',
      'CHATWOOT_API_TOKEN',
      'CHATWOOT_READ_TOKEN',
      'CHATWOOT_WEBHOOK_SECRET',
      'OPENAI_BASE_URL',
      'OPENAI_API_KEY',
      'OPENAI_MODEL',
    ]);
    expect(ran.stdout).toContain('faults injected: webhook.drop 1');
    expect(ran.stderr).toContain('no answer within 1 ms');
    expect(receiver.received).toEqual([]);
  });

  it('refuses flags that make no sense', async () => {
    const ran = await simulate('--fault', 'nonsense=1');
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('no fault "nonsense=1"; known: rest.status');
  });
});

describe('the client of a running simulator', () => {
  it('is null when nothing listens', async () => {
    const sim = await startChatwoot();
    await sim.close();
    expect(await connectSim(sim.port)).toBeNull();
  });
});
