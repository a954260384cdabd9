import { systemClock, systemRandom } from '../../domain/clock.ts';
import { Connections } from './connections.ts';

export interface QueriesOptions {
  url: string;
  /** As in {@link PostgresOptions}. */
  pooled: boolean;
  connections: number;
  /** How long a statement waits for a connection and for its answer, ms, together. */
  timeoutMs: number;
}

/** Plain statements over a few connections of their own, for what must not wait behind the store. */
export interface Queries {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  close(): Promise<void>;
}

/** Nothing is connected before the first statement. */
export function openQueries(options: QueriesOptions): Queries {
  const connections = new Connections({ ...options, clock: systemClock, random: systemRandom });
  return {
    query: (text, values = []) => connections.run(text, values),
    close: () => connections.close(),
  };
}
