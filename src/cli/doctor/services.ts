import type { Config, Settings } from '../../config/index.ts';
import type { DatabaseFacts, Inspect, RedisFacts } from '../../ports/inspect.ts';
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';

/** What was found, and how far the clocks there are from ours, ms. */
export interface ServiceFindings {
  findings: Finding[];
  skews: number[];
}

const OLDEST = 140_000;
/** Every step of a turn is a statement or more. */
const SLOW_MS = 20;
/** The connections of a process that only listen. */
const LISTENING = 2;
/** Those for limits, which are in PostgreSQL where Redis is not configured. */
const LIMITING = 2;

const versionText = (version: number): string => `${Math.floor(version / 10_000)}.${version % 10_000}`;
const msText = (ms: number): string => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

/** A short reason without the address, which may hold a password. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  const { code } = error as NodeJS.ErrnoException;
  if (code) return /^[0-9A-Z]{5}$/.test(code) ? `${error.message}, code ${code}` : code;
  return /timed? ?out/i.test(error.message) ? 'no answer within 5000 ms' : error.name;
}

function judgeConnections({ connections: { used, most } }: DatabaseFacts, s: Settings): Finding[] {
  const wanted = s.databaseConnections + LISTENING + (redisAddress(s) ? 0 : LIMITING);
  const fix = 'raise max_connections, lower DATABASE_CONNECTIONS, run fewer processes, or put a pooler in between (DATABASE_POOLED)';
  return used + wanted > most ? [warn('database', `${used} of ${most} connections are in use, and each process wants up to ${wanted}`, fix)] : [];
}

function judgePooler({ isPooled }: DatabaseFacts, s: Settings): Finding[] {
  if (isPooled && !s.databasePooled) return [warn('database', 'a pooler answers', 'set DATABASE_POOLED=true if it is in transaction mode; in session mode nothing is to be done')];
  return !isPooled && s.databasePooled ? [warn('database', 'DATABASE_POOLED is true, and no pooler was noticed', 'unset it if there is none: work is found sooner by listening')] : [];
}

function judgeDatabase(facts: DatabaseFacts, s: Settings): Finding[] {
  const { version, latencyMs, connections, fsync, synchronousCommit } = facts;
  const summary = `PostgreSQL ${versionText(version)}, ${msText(latencyMs)}, ${connections.used} of ${connections.most} connections, clock ${Math.round(facts.skewMs)} ms from ours`;
  const found = [
    version < OLDEST && fail('database', `PostgreSQL ${versionText(version)} is too old`, 'update it to 14 or newer'),
    facts.isReadOnly && fail('database', 'it is read-only', 'point DATABASE_URL to the primary'),
    !facts.mayCreate && fail('database', 'this user can neither use nor make the schema "chasqui"', 'grant it CREATE on the database, or make the schema for it'),
    !fsync && warn('database', 'fsync is off: a crash of its machine may destroy what was acknowledged', 'turn fsync on'),
    synchronousCommit === 'off' && warn('database', 'synchronous_commit is off: a crash of the server loses what was acknowledged in the last moments', 'turn synchronous_commit on for this user'),
    latencyMs > SLOW_MS && warn('database', `a statement takes ${msText(latencyMs)}, and a turn takes about ten`, 'move the processes and the database closer together'),
  ].filter((finding) => finding !== false);
  return [...(found.some(({ state }) => state === 'fail') ? [] : [ok('database', summary)]), ...found, ...judgeConnections(facts, s), ...judgePooler(facts, s)];
}

async function checkDatabase(settings: Settings, inspect: Inspect): Promise<ServiceFindings> {
  const { databaseUrl } = settings;
  if (databaseUrl === undefined) return { findings: [], skews: [] };
  try {
    const facts = await inspect.database(databaseUrl);
    return { findings: judgeDatabase(facts, settings), skews: [facts.skewMs] };
  } catch (error) {
    return { findings: [fail('database', `it does not let us in (${reasonOf(error)})`, 'correct DATABASE_URL, or let this machine and user reach it')], skews: [] };
  }
}

function judgeRedis({ version, latencyMs, maxmemoryPolicy, aof, appendfsync, warnings }: RedisFacts): Finding[] {
  const file = aof ? `append-only file synced ${appendfsync ?? '(it does not say when)'}` : 'no append-only file';
  const summary = `Redis ${version}, ${msText(latencyMs)}, ${maxmemoryPolicy ?? 'policy unknown'}, ${aof === null ? 'persistence unknown' : file}`;
  return [ok('redis', summary), ...warnings.map((text) => warn('redis', text.replace(/\.$/, ''), 'docs/deployment.md tells what Redis should keep'))];
}

function redisAddress({ redisUrl, redisHost, redisPort, redisPassword }: Settings): Parameters<Inspect['redis']>[0] | null {
  if (redisUrl !== undefined) return { url: redisUrl };
  return redisHost === undefined ? null : { host: redisHost, port: redisPort, ...(redisPassword !== undefined && { password: redisPassword }) };
}

async function checkRedis(settings: Settings, inspect: Inspect): Promise<Finding[]> {
  const address = redisAddress(settings);
  if (!address) return [];
  try {
    return judgeRedis(await inspect.redis(address));
  } catch (error) {
    return [warn('redis', `it does not let us in (${reasonOf(error)}): wake-ups go through the store instead`, 'correct REDIS_URL, or let this machine reach it')];
  }
}

/** Asks PostgreSQL and Redis, where they are configured, at once. */
export async function checkServices(settings: Settings, inspect: Inspect): Promise<ServiceFindings> {
  const [database, redis] = await Promise.all([checkDatabase(settings, inspect), checkRedis(settings, inspect)]);
  return { findings: [...database.findings, ...redis], skews: database.skews };
}

/** The self-test on the services of a configuration, a finding for each of its checks. */
export async function tryServices({ settings }: Config, inspect: Inspect): Promise<Finding[]> {
  const results = await inspect.selfTest(settings);
  const fix = 'let `chasqui doctor` tell what is wrong with the service; on PostgreSQL the test makes a schema of its own, which needs CREATE on the database';
  return results.map(({ check, state, detail }) => (state === 'ok' ? ok(check, detail) : fail(check, detail, fix)));
}
