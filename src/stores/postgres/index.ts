import { systemClock, systemRandom, type Clock } from '../../domain/clock.ts';
import { createIds, type LaneId } from '../../domain/ids.ts';
import type { EventRelay } from '../../ports/events.ts';
import type { Store } from '../../ports/store.ts';
import { portsOf } from '../commands.ts';
import { Client } from './client.ts';
import { Connections } from './connections.ts';
import { migrate } from './migrate.ts';
import { inSchema } from './sql-files.ts';
import { createEventRelay } from './event-relay.ts';
import { Listener } from './listener.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=…` (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING). */
  url: string;
  /** Decides instead of the database's clock, which is the only one that all processes share. For tests. */
  clock?: Pick<Clock, 'now'>;
  /** Calls that may wait for the database before appends are refused with StoreBusy. Default 2000. */
  maxWaiting?: number;
  /** Deadline of every call, ms. Default 4000. */
  timeoutMs?: number;
  /** Connections at the most, besides the one that listens. Default 4. */
  connections?: number;
  /** The tables' schema, made when missing. Default `chasqui`. */
  schema?: string;
  /**
   * The url leads to a pooler that gives each transaction any session (pgbouncer with `pool_mode = transaction`): nothing is set on sessions, and
   * nothing is listened to. Default false.
   */
  pooled?: boolean;
}

export interface PostgresStore extends Store {
  readonly kind: 'postgres';
  /**
   * Calls `onWake` for lanes that got work, from any process: a hint, over a connection that is made again when it is lost. Null behind a pooler,
   * where only polling is left. Dispose of it before closing the store.
   */
  listen(onWake: (laneId: LaneId) => void): AsyncDisposable | null;
  /** What happens to jobs in other processes. */
  readonly events: EventRelay;
}

/**
 * The shared store: one schema in a PostgreSQL of version 14 or newer, which any number of processes may use at once. Every call resolves after its
 * commit reached the database's disk; calls of one kind that wait together are committed together.
 * @throws ConfigError for a schema name that is not plain; the server's error when it cannot be reached or refuses.
 */
export async function openPostgresStore(options: PostgresOptions): Promise<PostgresStore> {
  const { url, maxWaiting = 2000, timeoutMs = 4000, connections: most = 4, schema = 'chasqui', pooled = false } = options;
  inSchema(schema);
  const connections = new Connections({ url, connections: most, timeoutMs, pooled, clock: systemClock, random: systemRandom });
  try {
    await migrate(connections, schema);
  } catch (error) {
    await connections.close();
    throw error;
  }
  const newId = createIds(options.clock ? { ...systemClock, now: options.clock.now } : systemClock, systemRandom);
  const override = options.clock ?? null;
  const client = new Client({ connections, schema, override, clock: systemClock, random: systemRandom, newId, maxWaiting, timeoutMs });
  const listener = { options: { url, timeoutMs, pooled }, clock: systemClock };
  return {
    kind: 'postgres',
    ...portsOf(client.submit),
    ping: async () => void (await client.ping()),
    close: () => client.close(),
    listen(onWake) {
      const hear = (payload: string): void => payload.split(',').forEach((id) => id !== '' && onWake(id as LaneId));
      return pooled ? null : new Listener({ ...listener, channel: `${schema}.wake` }, hear);
    },
    events: createEventRelay({ connections, schema, origin: newId('op'), listener }),
  };
}
