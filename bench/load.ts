/**
 * The load generator, a process of its own: signed webhooks over raw keep-alive connections to this machine. What costs CPU (signing) is done
 * before, because the generator shares the machine with what it measures.
 */
import { openConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { Latencies } from './latencies.ts';
import type { LatencyFigures } from './latencies.ts';
import { signRequests } from './webhooks.ts';
import type { SignedRequests } from './webhooks.ts';

export interface LoadPlan {
  port: number;
  connections: number;
  /** `full`: each connection sends when its last request was answered. A number: so many a second, whatever the answers do. */
  pace: 'full' | number;
  warmMs: number;
  measureMs: number;
  /** Webhooks at the most, warm-up included; they are signed in advance. */
  maxRequests: number;
}

export interface LoadResult {
  /** Answered with 200 while it was measured. */
  acks: number;
  /** Answered with 200, warm-up included. */
  totalAcks: number;
  /** Answered with another status, warm-up included. */
  refusals: number;
  measuredMs: number;
  /** With a pace, from the moment at which a request was due; else from when it was sent, ms. */
  latency: LatencyFigures;
  /** CPU time of this process while it was measured, ms. */
  cpuMs: number;
  bodyBytes: number;
}

/** `starting`: the first webhook is about to be sent. `measuring`: the warm-up is over. */
export type FromLoad = { kind: 'starting' } | { kind: 'measuring' } | { kind: 'measured'; result: LoadResult };

/** Counts answers; only those of the measured time make figures. */
class Tally {
  readonly latencies: Latencies;
  totalAcks = 0;
  refusals = 0;
  measuredFrom = Infinity;
  measuredUntil = Infinity;

  constructor(most: number) {
    this.latencies = new Latencies(most);
  }

  add(status: number, since: number): void {
    const now = performance.now();
    if (status !== 200) this.refusals += 1;
    else this.totalAcks += 1;
    if (status === 200 && now >= this.measuredFrom && now < this.measuredUntil) this.latencies.add(now - since);
  }
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Drive {
  requests: SignedRequests;
  connections: Connection[];
  tally: Tally;
  /** Nothing is sent after this, ms of `performance.now`. */
  until: number;
}

/** Closed loop. Resolves when the last request has been answered. */
function driveFull({ requests, connections, tally, until }: Drive): Promise<void> {
  let next = 0;
  const one = (connection: Connection, bytes: Buffer, done: () => void): void => {
    const sentAt = performance.now();
    if (sentAt >= until || next >= requests.count) return done();
    requests.write(bytes, next++);
    connection.send(bytes, (status) => {
      tally.add(status, sentAt);
      one(connection, bytes, done);
    });
  };
  return Promise.all(connections.map((connection) => new Promise<void>((resolve) => one(connection, requests.blank(), resolve)))).then(() => undefined);
}

/** Open loop: a request waits for a free connection if it must, and its latency counts from when it was due. */
async function drivePaced(drive: Drive, perSecond: number): Promise<void> {
  const { requests, connections, tally, until } = drive;
  const startedAt = performance.now();
  const free = connections.map((connection) => ({ connection, bytes: requests.blank() }));
  const all = free.length;
  let next = 0;
  const dueAt = (index: number): number => startedAt + (index * 1000) / perSecond;
  const sendDue = (): void => {
    while (next < requests.count && dueAt(next) <= performance.now() && dueAt(next) < until) {
      const slot = free.pop();
      if (!slot) return;
      const since = dueAt(next);
      requests.write(slot.bytes, next++);
      slot.connection.send(slot.bytes, (status) => {
        tally.add(status, since);
        free.push(slot);
        sendDue();
      });
    }
  };
  while (performance.now() < until || free.length < all) {
    sendDue();
    await pause(1);
  }
}

async function run(plan: LoadPlan, tell: (message: FromLoad) => void): Promise<LoadResult> {
  const requests = signRequests(plan.maxRequests, plan.port);
  const connections = await Promise.all(
    Array.from({ length: plan.connections }, () =>
      openConnection(plan.port, (error) => {
        throw error;
      }),
    ),
  );
  const tally = new Tally(plan.maxRequests);
  tell({ kind: 'starting' });
  const startedAt = performance.now();
  const drive = { requests, connections, tally, until: startedAt + plan.warmMs + plan.measureMs };
  const driven = plan.pace === 'full' ? driveFull(drive) : drivePaced(drive, plan.pace);
  await pause(plan.warmMs);
  tell({ kind: 'measuring' });
  const cpuBefore = cpuMs();
  const from = performance.now();
  tally.measuredFrom = from;
  await Promise.race([driven, pause(drive.until - from)]);
  const measuredMs = performance.now() - from;
  tally.measuredUntil = performance.now();
  const cpu = cpuMs() - cpuBefore;
  await driven;
  for (const connection of connections) connection.close();
  const { latencies, totalAcks, refusals } = tally;
  return { acks: latencies.count, totalAcks, refusals, measuredMs, latency: latencies.figures(), cpuMs: cpu, bodyBytes: requests.bodyBytes };
}

if (process.send) {
  const tell = (message: FromLoad): void => void process.send?.(message);
  const result = await run(JSON.parse(process.argv[2] ?? '{}') as LoadPlan, tell);
  process.send({ kind: 'measured', result } satisfies FromLoad, () => process.disconnect());
}
