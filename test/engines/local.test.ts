import { describe } from 'vitest';
import { engineSuite } from '../conformance/engine.suite.ts';

describe('the local engine', () => {
  engineSuite({ make: (yard, options) => ({ engine: yard.local(options), ready: async () => {}, close: async () => {} }) });
});
