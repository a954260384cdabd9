import { Cluster } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/domain/clock.ts';
import { commandsOf, openRedisLimiter } from '../../src/limiters/redis/index.ts';
import type { Limiter } from '../../src/ports/limiter.ts';
import { limiterSuite } from '../conformance/limiter.suite.ts';
import { startRedisCluster, type TestRedisCluster } from '../support/redis-cluster.ts';
import { redisProgram } from '../support/redis.ts';

const program = redisProgram();

describe.skipIf(!program)('the limiter in a Redis Cluster', () => {
  let servers: TestRedisCluster;
  let client: Cluster;
  let limiter: Limiter;
  beforeAll(async () => {
    servers = await startRedisCluster(program ?? '');
    client = new Cluster(servers.nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
    limiter = await openRedisLimiter({ commands: commandsOf(client), clock: systemClock, prefix: 'cluster', timeoutMs: 10_000 });
  });
  afterAll(async () => {
    await limiter?.close();
    client?.disconnect();
    await servers?.stop();
  });

  limiterSuite(() => ({ limiter, decisions: 3000 }));

  it('decides for many orgs at once, whose keys are on all nodes, each decision in one slot', async () => {
    const rules = ['conversation', 'org-send', 'user', 'channel'].map((name) => ({ name, key: `{${name}}`, limit: 5, windowMs: 60_000 }));
    const decisions = await Promise.all(Array.from({ length: 600 }, (_, n) => limiter.check({ org: `org-${n % 60}`, rules })));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(300);
    const sizes = await Promise.all(client.nodes('master').map((node) => node.dbsize()));
    expect(sizes).toHaveLength(3);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
  });
});
