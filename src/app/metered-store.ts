import type { Clock } from '../domain/clock.ts';
import type { Store } from '../ports/store.ts';
import type { Meter } from '../ports/telemetry.ts';

type Method = (...args: unknown[]) => Promise<unknown>;

function metered(method: Method, queryType: string, { clock, meter }: { clock: Clock; meter: Meter }): Method {
  const labels = { query_type: queryType };
  return async (...args) => {
    const startedAt = clock.monotonic();
    try {
      return await method(...args);
    } finally {
      meter.observe('db_query_duration_seconds', labels, (clock.monotonic() - startedAt) / 1000);
    }
  };
}

const PORTS = ['mailbox', 'ledger', 'conversations', 'deadLetters', 'operations', 'jobs', 'reports', 'lanes', 'controls', 'breakers'] as const;

/** The store, with the time of each of its commands observed under `{port}.{method}`. */
export function meterStore(store: Store, deps: { clock: Clock; meter: Meter }): Store {
  const ports = PORTS.map((port) => {
    const methods = Object.entries(store[port] as unknown as Record<string, Method>);
    return [port, Object.fromEntries(methods.map(([name, method]) => [name, metered(method, `${port}.${name}`, deps)]))];
  });
  return { kind: store.kind, ping: () => store.ping(), close: () => store.close(), ...Object.fromEntries(ports) } as Store;
}
