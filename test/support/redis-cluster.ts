import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './daemon.ts';
import { startRedis, type TestRedis } from './redis.ts';

/** Three masters that share the slots, without replicas. */
export interface TestRedisCluster {
  nodes: TestRedis[];
  stop(): Promise<void>;
}

const SLOTS = 16_384;
const NODES = 3;

async function join(node: TestRedis, n: number, first: { port: number; busPort: number }): Promise<void> {
  const client = new Redis(node.url);
  const size = Math.ceil(SLOTS / NODES);
  await client.call('CLUSTER', 'ADDSLOTSRANGE', String(n * size), String(Math.min(SLOTS, (n + 1) * size) - 1));
  if (n > 0) await client.call('CLUSTER', 'MEET', '127.0.0.1', String(first.port), String(first.busPort));
  client.disconnect();
}

async function agreed(node: TestRedis): Promise<void> {
  const client = new Redis(node.url);
  for (;;) {
    const info = String(await client.call('CLUSTER', 'INFO'));
    if (info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${NODES}`)) break;
    await wait(20);
  }
  client.disconnect();
}

/** Redis 7 or newer. */
export async function startRedisCluster(program: string): Promise<TestRedisCluster> {
  const busPorts = await Promise.all(Array.from({ length: NODES }, freePort));
  const settings = (busPort: number): string[][] => [['cluster-enabled', 'yes'], ['cluster-port', String(busPort)], ['cluster-node-timeout', '2000']];
  const nodes = await Promise.all(busPorts.map((busPort) => startRedis(program, settings(busPort))));
  const first = { port: nodes[0]?.port ?? 0, busPort: busPorts[0] ?? 0 };
  for (const [n, node] of nodes.entries()) await join(node, n, first);
  await Promise.all(nodes.map(agreed));
  return { nodes, stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))) };
}
