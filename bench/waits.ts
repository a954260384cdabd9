/** Runs the processes of {@link WaitPlan} and joins what they saw. */
import type { Backends } from './backends.ts';
import { startChild } from './children.ts';
import type { Child } from './children.ts';
import { Latencies } from './latencies.ts';
import type { Figures } from './report.ts';
import { withStore } from './stacks.ts';
import type { StackOptions } from './stacks.ts';
import type { Flow, FromWait, Seen, WaitPlan } from './wait-child.ts';

export interface WaitOptions extends StackOptions {
  /** One process that does everything, or one that takes messages in and one that works. */
  apart: boolean;
  serviceMs: number;
  flows: Flow[];
  warmMs: number;
  measureMs: number;
}

type Ready = Extract<FromWait, { kind: 'ready' }>;

async function report(child: Child): Promise<Seen> {
  const seen = child.next<Seen>('seen');
  child.send({ kind: 'report' });
  return seen;
}

/** Asks until every message was claimed. */
async function allSeen(sender: Child, worker: Child): Promise<{ sent: Seen; claimed: Map<string, number> }> {
  for (let tries = 0; tries < 200; tries += 1) {
    const sent = await report(sender);
    const claimed = new Map((worker === sender ? sent : await report(worker)).claimed);
    if (sent.committed.every(([lane]) => claimed.has(lane))) return { sent, claimed };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('a message was not claimed within 20 s');
}

function figuresOf(sent: Seen, claimed: Map<string, number>): Figures {
  const waits = (instants: [string, number][]): Latencies => {
    const latencies = new Latencies(instants.length);
    for (const [lane, at] of instants) latencies.add((claimed.get(lane) ?? Number.NaN) - at);
    return latencies;
  };
  const [commit, call] = [waits(sent.committed).figures(), waits(sent.called).figures()];
  return { count: sent.committed.length, commitP50: commit.p50, commitP99: commit.p99, callP50: call.p50, callP99: call.p99 };
}

/** Waits of the small org's messages, ms: from the commit as the process knew it, and from the call that appended, until the claim. */
export function measureWaits(backends: Backends, options: WaitOptions): Promise<Figures> {
  const { apart, concurrency, serviceMs, flows, warmMs, measureMs } = options;
  return withStore(backends, options, async (where) => {
    const plan: Omit<WaitPlan, 'role'> = { where, concurrency, serviceMs, flows, warmMs, measureMs };
    const children: Child[] = [];
    const open = async (role: WaitPlan['role']): Promise<Child> => {
      const child = startChild('./wait-child.ts', { ...plan, role });
      children.push(child);
      await child.next<Ready>('ready');
      return child;
    };
    try {
      const worker = await open(apart ? 'worker' : 'all');
      const sender = apart ? await open('api') : worker;
      const flowed = sender.next<Extract<FromWait, { kind: 'flowed' }>>('flowed');
      sender.send({ kind: 'go' });
      await flowed;
      const { sent, claimed } = await allSeen(sender, worker);
      return figuresOf(sent, claimed);
    } finally {
      await Promise.all(children.map((child) => child.end('SIGKILL')));
    }
  });
}
