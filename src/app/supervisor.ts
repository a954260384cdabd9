import type { Clock } from '../domain/clock.ts';
import type { Service } from '../ports/service.ts';
import type { Log } from '../ports/telemetry.ts';

export interface Supervisor {
  /** Runs a service round after round, its interval apart, until the stop. Resolves after the first round, however that went. */
  run(service: Service): Promise<void>;
  /** Aborts the rounds in progress and resolves when all have ended. */
  stop(): Promise<void>;
}

/** Keeps services going: a round that fails is logged, and the next one comes all the same. */
export function createSupervisor({ clock, log }: { clock: Clock; log: Log }): Supervisor {
  const over = new AbortController();
  const loops: Promise<void>[] = [];

  async function round(service: Service): Promise<void> {
    try {
      await service.runOnce(over.signal);
    } catch (error) {
      if (!over.signal.aborted) log.error({ service: service.name, err: error }, `a round of ${service.name} failed`);
    }
  }

  async function pause(service: Service): Promise<void> {
    try {
      await clock.sleep(service.intervalMs, over.signal);
    } catch (error) {
      if (!over.signal.aborted) throw error;
    }
  }

  async function rounds(service: Service, first: Promise<void>): Promise<void> {
    await first;
    while (!over.signal.aborted) {
      await pause(service);
      if (!over.signal.aborted) await round(service);
    }
  }

  return {
    run(service) {
      const first = round(service);
      loops.push(rounds(service, first));
      return first;
    },
    async stop() {
      over.abort();
      await Promise.all(loops);
    },
  };
}
