import type { Clock } from '../domain/clock.ts';
import type { Inspect } from '../ports/inspect.ts';

/** A look at the services of a configuration, for `chasqui doctor`. Their drivers are loaded when they are asked for. */
export function createInspect(clock: Clock): Inspect {
  return {
    database: async (url) => (await import('../stores/postgres/inspect.ts')).inspectPostgres(url, clock),
    selfTest: async (target) => (await import('./self-test.ts')).runSelfTest(target, clock),
    redis: async (address) => (await import('../engines/bullmq/inspect.ts')).inspectRedis(address, clock),
  };
}
