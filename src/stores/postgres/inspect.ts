import pg from 'pg';
import type { Clock } from '../../domain/clock.ts';
import { medianOf } from '../../domain/median.ts';
import type { DatabaseFacts } from '../../ports/inspect.ts';
import { clientConfig } from './connections.ts';
import { Sockets } from './sockets.ts';

const TIMEOUT_MS = 5_000;
const PINGS = 5;

const FACTS = `select current_setting('server_version_num')::int as version,
  (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most,
  pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as "isReadOnly",
  current_setting('fsync')::boolean as fsync, current_setting('synchronous_commit') as "synchronousCommit",
  case when to_regnamespace('chasqui') is null then has_database_privilege(current_database(), 'create')
    else has_schema_privilege('chasqui', 'usage') end as "mayCreate",
  pg_backend_pid() as pid`;

interface FactsRow extends Omit<DatabaseFacts, 'latencyMs' | 'skewMs' | 'connections' | 'isPooled'> {
  used: number;
  most: number;
  pid: number;
}

async function timesOf(client: pg.Client, clock: Clock): Promise<{ latencyMs: number; skewMs: number }> {
  const pings: { ms: number; skew: number }[] = [];
  for (let n = 0; n < PINGS; n++) {
    const [startedAt, wall] = [clock.monotonic(), clock.now()];
    const { rows } = await client.query<{ now: number }>('select extract(epoch from clock_timestamp())::float8 * 1000 as now');
    const ms = clock.monotonic() - startedAt;
    pings.push({ ms, skew: (rows[0]?.now ?? 0) - (wall + ms / 2) });
  }
  const latencyMs = medianOf(pings.map(({ ms }) => ms)) ?? 0;
  return { latencyMs, skewMs: pings.find(({ ms }) => ms === latencyMs)?.skew ?? 0 };
}

/**
 * What the server at `url` tells about itself. A pooler is found out by its greeting: the process that it says it is, for requests to cancel, is
 * not the one that runs our statements (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS).
 *
 * @throws the driver's error when it does not answer in time or refuses us.
 */
export async function inspectPostgres(url: string, clock: Clock): Promise<DatabaseFacts> {
  const sockets = new Sockets();
  const client = new pg.Client(clientConfig({ url, timeoutMs: TIMEOUT_MS, pooled: true }, sockets));
  // Told by the call in progress.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const times = await timesOf(client, clock);
    const { rows } = await client.query<FactsRow>(FACTS);
    const { used, most, pid, ...facts } = rows[0] as FactsRow;
    return { ...facts, ...times, connections: { used, most }, isPooled: (client as unknown as { processID: number | null }).processID !== pid };
  } finally {
    await client.end().catch(() => undefined);
    await sockets.close(clock);
  }
}
