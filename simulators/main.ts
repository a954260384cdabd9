import { createInterface } from 'node:readline/promises';
import { Command, InvalidArgumentError } from 'commander';
import { startChatwoot } from './chatwoot/index.ts';
import type { ChatwootSim } from './chatwoot/index.ts';
import { parseFaultRate, ratesFrom } from './fault-flags.ts';
import type { FaultFlag } from './fault-flags.ts';
import { startOpenAi } from './openai/index.ts';
import type { OpenAiSim } from './openai/index.ts';
import { connectSim } from './sim-client.ts';
import type { SimClient } from './sim-client.ts';

interface Flags {
  port: number;
  webhookUrl: string;
  fault: FaultFlag[];
  seed: number;
  limits: 'on' | 'off';
  send?: string;
  conversation: number;
  wait: number;
}

const program = new Command('simulate')
  .description(
    'A fake Chatwoot and a fake OpenAI-compatible API. Start it, start Chasqui with the environment that it prints, then type: ' +
      'each line is a message of a contact, and what the contact sees is printed.',
  )
  .option('--port <number>', 'port of Chatwoot; the model API takes the next one; 0: any free ports', whole, 4010)
  .option('--webhook-url <url>', "where Chasqui takes Chatwoot's webhooks", 'http://127.0.0.1:8787/chatwoot/webhook')
  .option('--fault <kind=rate>', 'repeatable, such as rest.accept_then_reset=0.1, webhook.duplicate=0.2, openai.rate=0.3', collectFault, [])
  .option('--seed <number>', 'the same seed brings the same faults', whole, 1)
  .option('--limits <on|off>', "Chatwoot's rate limits", onOrOff, 'on')
  .option('--send <text>', 'send this one message (to a simulator that already runs on --port, if there is one), print the answer, end')
  .option('--conversation <number>', 'the conversation to write in', whole, 1)
  .option('--wait <ms>', 'how long --send waits for an answer', whole, 15_000);

await main(program.parse().opts<Flags>());

async function main(flags: Flags): Promise<void> {
  const running = flags.send === undefined ? null : await connectSim(flags.port);
  if (running && flags.send !== undefined) return sendOnce(running, flags, flags.send);
  const { chatwoot, openai } = await start(flags);
  const client = await connectSim(chatwoot.port);
  if (!client) throw new Error('the simulator does not answer on its own port');
  printEnvironment(chatwoot, openai);
  if (flags.send === undefined) await converse(client, flags);
  else await sendOnce(client, flags, flags.send);
  printFaults(chatwoot, openai);
  await Promise.all([chatwoot.close(), openai.close()]);
}

async function start(flags: Flags): Promise<{ chatwoot: ChatwootSim; openai: OpenAiSim }> {
  const { seed, port, webhookUrl } = flags;
  const { rest, webhook, openai } = ratesFrom(flags.fault);
  const limits = flags.limits === 'off' ? 'off' : {};
  return {
    chatwoot: await startChatwoot({ port, webhookUrl, limits, faults: { seed, rest, webhook } }),
    openai: await startOpenAi({ port: port === 0 ? 0 : port + 1, faults: { seed, rates: openai } }),
  };
}

function printEnvironment(chatwoot: ChatwootSim, openai: OpenAiSim): void {
  const lines = Object.entries({ ...chatwoot.env(), ...openai.env() }).map(([name, value]) => `${name}=${value}`);
  console.log(`${lines.join('\n')}\n`);
}

function printFaults(chatwoot: ChatwootSim, openai: OpenAiSim): void {
  const counts = { rest: chatwoot.faults.rest.counts, webhook: chatwoot.faults.webhook.counts, openai: openai.faults.counts };
  const injected = Object.entries(counts).flatMap(([where, kinds]) =>
    Object.entries(kinds).map(([kind, count]) => `${where}.${kind} ${count}`),
  );
  if (injected.length > 0) console.log(`faults injected: ${injected.join(', ')}`);
}

/** One message; ends with exit code 1 when nothing answered it in time. */
async function sendOnce(client: SimClient, { conversation, wait }: Flags, text: string): Promise<void> {
  const sent = await client.send(conversation, text);
  console.log(`contact: ${text}`);
  const screen = watch(client, conversation, sent);
  if (await answeredWithin(screen, { after: sent, wait })) return;
  console.error(`no answer within ${wait} ms; is Chasqui running with the environment that the simulator prints?`);
  process.exitCode = 1;
}

/** Without a terminal: each line waits for its answer, and no line at all means to run until a signal. */
async function converse(client: SimClient, flags: Flags): Promise<void> {
  const screen = watch(client, flags.conversation, 0);
  if (process.stdin.isTTY) return chat(client, flags.conversation, screen);
  let lines = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') continue;
    lines += 1;
    const after = await client.send(flags.conversation, line);
    console.log(`contact: ${line}`);
    await answeredWithin(screen, { after, wait: flags.wait });
  }
  if (lines === 0) await stopSignal();
}

/** At a terminal: every line is sent at once, and what comes back is printed when it comes. */
async function chat(client: SimClient, conversation: number, screen: Screen): Promise<void> {
  console.log('Type a message and press enter; Ctrl-D ends.');
  let ended = false;
  const printing = printUntil(screen, () => ended);
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() !== '') await client.send(conversation, line);
  }
  ended = true;
  await printing;
}

async function printUntil(screen: Screen, ended: () => boolean): Promise<void> {
  while (!ended()) {
    await screen(0);
    await pause();
  }
}

/** Prints what the contact is newly shown. Returns whether somebody answered after this message. */
type Screen = (after: number) => Promise<boolean>;

function watch(client: SimClient, conversation: number, from: number): Screen {
  let last = from;
  return async (after) => {
    const shown = await client.seen(conversation, last);
    last = shown.at(-1)?.id ?? last;
    for (const { from: who, content } of shown) console.log(`${who}: ${content}`);
    return shown.some((message) => message.from !== 'activity' && message.id > after);
  };
}

async function answeredWithin(screen: Screen, { after, wait }: { after: number; wait: number }): Promise<boolean> {
  const deadline = Date.now() + wait;
  while (Date.now() < deadline) {
    if (await screen(after)) return true;
    await pause();
  }
  return false;
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('give a whole number, 0 or more');
  return value;
}

function onOrOff(text: string): 'on' | 'off' {
  if (text !== 'on' && text !== 'off') throw new InvalidArgumentError('give on or off');
  return text;
}

function collectFault(text: string, before: FaultFlag[]): FaultFlag[] {
  const flag = parseFaultRate(text);
  if (typeof flag === 'string') throw new InvalidArgumentError(flag);
  return [...before, flag];
}
