import { afterAll, beforeAll, describe } from 'vitest';
import { engineSuite } from '../conformance/engine.suite.ts';
import { redisProgram, startRedis, type TestRedis } from '../support/redis.ts';
import { redisEngine } from './redis-yard.ts';

const program = redisProgram();

describe.skipIf(program === null)('the engine over Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => void (redis = await startRedis(program as string)));
  afterAll(() => redis.stop());

  describe('driven by wake-ups', () => {
    engineSuite({ make: (yard, options) => redisEngine(redis.url, yard, options) });
  });

  describe('driven by both', () => {
    engineSuite({ make: (yard, options) => redisEngine(redis.url, yard, { ...options, mode: 'both' }) });
  });

  describe('told to work without', () => {
    engineSuite({ make: (yard, options) => redisEngine(redis.url, yard, { ...options, mode: 'local' }) });
  });
});

describe('the engine over a Redis that is not there', () => {
  engineSuite({ make: (yard, options) => ({ ...redisEngine('redis://127.0.0.1:1', yard, options), ready: async () => {} }) });
});
