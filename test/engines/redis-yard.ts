import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { systemClock, systemRandom } from '../../src/domain/clock.ts';
import type { EngineMode } from '../../src/ports/controls.ts';
import { createBullmqEngine, Link } from '../../src/engines/bullmq/index.ts';
import type { SteerableEngine } from '../../src/engines/bullmq/index.ts';
import type { EngineUnderTest } from '../conformance/engine.suite.ts';
import type { LocalOptions, Workyard } from './workyard.ts';

export interface RedisOptions extends LocalOptions {
  mode?: EngineMode;
  prefix?: string;
  timeoutMs?: number;
}

export interface RedisEngine extends EngineUnderTest {
  engine: SteerableEngine;
  link: Link;
}

let made = 0;

/** An engine over Redis, with keys of its own. */
export function redisEngine(url: string, yard: Workyard, options: RedisOptions = {}): RedisEngine {
  const { mode = 'bullmq', concurrency = 3, owner = 'w1', prefix = `test${++made}`, timeoutMs = 300 } = options;
  const deps = { clock: systemClock, random: systemRandom, telemetry: yard.telemetry, note: () => ({ role: 'worker', mode, rescued: 0 }) as const };
  const link = new Link(deps, { address: { url }, owner, prefix, queueName: 'messages', timeoutMs });
  const engine = createBullmqEngine({ local: yard.local(options), lanes: yard.store.lanes, link, ...deps }, { mode, concurrency: { bullmq: concurrency, local: concurrency } });
  link.start();
  return {
    engine,
    link,
    ready: () => serves(engine, mode),
    close: async () => {
      await engine.leave(2_000);
      await link.stop();
    },
  };
}

/** Resolves when wake-ups come from there. */
export async function serves(engine: SteerableEngine, mode: EngineMode, timeoutMs = 5_000): Promise<void> {
  await expect.poll(() => engine.stats().mode, { timeout: timeoutMs, interval: 5 }).toBe(mode);
}

/** A connection for looking around in Redis. */
export function observer(url: string): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  redis.on('error', () => undefined);
  return redis;
}
