import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom, type Clock } from '../domain/clock.ts';
import { AppError } from '../domain/errors.ts';
import { createIds, jobId, type OrgId } from '../domain/ids.ts';
import type { LimitDecision } from '../domain/limit.ts';
import { governorStats } from '../operate/governor-stats.ts';
import type { SelfTestResult, SelfTestTarget } from '../ports/inspect.ts';
import type { Limiter } from '../ports/limiter.ts';
import type { Store } from '../ports/store.ts';
import { dropSchema, openTestLimiter, type TestLimiter } from './self-test-limiter.ts';

/** How long one of the checks may take, ms, and the cleaning up after it. */
const CHECK_MS = 10_000;

const ORG = 'org_self_test' as OrgId;
const WINDOW_MS = 60_000;

function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new AppError('self_test_failed', what);
}

/** A short reason without addresses, which may hold a password. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError) return error.message;
  if (!(error instanceof Error)) return 'unknown failure';
  return (error as NodeJS.ErrnoException).code ?? error.name;
}

async function inTime<T>(work: Promise<T>, clock: Clock): Promise<T> {
  const over = new AbortController();
  const late = clock.sleep(CHECK_MS, over.signal).then(() => {
    throw new AppError('self_test_failed', `no end within ${CHECK_MS} ms`);
  });
  // Ended early, it says nothing.
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}

async function checkLimits(limiter: Limiter): Promise<string> {
  const ask = (org: string, ...names: string[]): Promise<LimitDecision> =>
    limiter.check({ org, rules: names.map((name) => ({ name, key: 'self_test', limit: name === 'few' ? 3 : 100, windowMs: WINDOW_MS })) });
  const decisions = [];
  for (let n = 0; n < 4; n++) decisions.push(await ask(ORG, 'few', 'many'));
  assert(decisions.map(({ allowed }) => allowed).join() === 'true,true,true,false', 'of four events under a limit of three, not exactly three were allowed');
  const denied = decisions[3] as LimitDecision;
  assert(denied.rule === 'few' && denied.retryAfterMs > 0 && denied.retryAfterMs <= WINDOW_MS, 'a denial does not say which rule, or when');
  const { count } = await ask(ORG, 'many');
  assert(count === 4, 'a denied event was counted');
  assert((await ask('org_self_test_2', 'few')).allowed, 'the limit of one org held another one back');
  return 'exact, all or nothing, and each org by itself';
}

async function checkDuplicates(limiter: Limiter): Promise<string> {
  const mark = { org: ORG, hash: 'self_test', windowMs: WINDOW_MS };
  const [first, again] = [await limiter.seen(mark), await limiter.seen(mark)];
  assert(!first.isDuplicate && again.isDuplicate, 'a repetition was not recognised');
  return 'a repetition is recognised';
}

async function checkStats(limiter: Limiter): Promise<string> {
  const config = { serviceHoursEnabled: false, rateLimitEnabled: true, dedupeEnabled: true, maxRequestsPerMinute: 3, dedupeWindowMs: WINDOW_MS };
  const { source, activeKeys, activeMarks } = await limiter.stats();
  assert(activeKeys === 3 && activeMarks === 1, `${activeKeys} keys and ${activeMarks} marks are active instead of 3 and 1`);
  const { rateLimiter } = await governorStats({ view: () => ({ config, verdicts: {} }), limiter });
  assert(rateLimiter.redisAvailable === (source === 'redis'), 'they do not say whether Redis is there');
  return `${activeKeys} keys and ${activeMarks} mark`;
}

/** A job that dies, is listed, and gets one more life. */
async function checkDeadLetters(store: Store, newId: ReturnType<typeof createIds>): Promise<string> {
  const laneId = newId('lane');
  const id = jobId(laneId, 1);
  await store.mailbox.addJob({ orgId: ORG, laneId, kind: 'self_test', payload: {} });
  const { claimed } = await store.mailbox.claim({ owner: 'self_test', limit: 1, leaseMs: CHECK_MS, share: { now: 0, cap: 0, orgs: [] }, only: [laneId] });
  const lease = claimed[0]?.lease;
  assert(lease !== undefined, 'a job could not be claimed');
  await store.mailbox.begin(lease, { seqs: [1], maxAttempts: 1, maxCrashes: 1, history: 0 });
  await store.mailbox.complete(lease, { seqs: [1], outcome: { kind: 'dead', reason: 'handler_rejected', error: 'self-test' } });
  const { jobs } = await store.deadLetters.list({ org: ORG }, { limit: 2 });
  assert(jobs.length === 1 && jobs[0]?.jobId === id, 'a dead job is not among the dead letters');
  assert((await store.deadLetters.retry(id)).kind === 'retried', 'a dead letter could not be retried');
  assert((await store.deadLetters.retry(id)).kind !== 'retried', 'a dead letter was retried twice');
  return 'kept, listed and retried once';
}

interface TestStore {
  store: Store;
  where: string;
  cleanUp(): Promise<void>;
}

async function onSqlite(clock: Clock): Promise<TestStore> {
  const { openSqliteStore } = await import('../stores/sqlite/index.ts');
  const dataDir = await mkdtemp(join(tmpdir(), 'chasqui-self-test-'));
  const store = await openSqliteStore({ dataDir, clock });
  async function cleanUp(): Promise<void> {
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  }
  return { store, where: 'SQLite in a temporary folder', cleanUp };
}

async function onPostgres(url: string, { pooled, schema }: { pooled: boolean; schema: string }): Promise<TestStore> {
  const { openPostgresStore } = await import('../stores/postgres/index.ts');
  const store = await openPostgresStore({ url, pooled, schema, connections: 1 });
  async function cleanUp(): Promise<void> {
    await store.close();
    await dropSchema({ url, pooled, timeoutMs: CHECK_MS }, schema);
  }
  return { store, where: 'PostgreSQL', cleanUp };
}

function openTestStore({ databaseUrl, databasePooled: pooled }: SelfTestTarget, schema: string, clock: Clock): Promise<TestStore> {
  return databaseUrl === undefined ? onSqlite(clock) : onPostgres(databaseUrl, { pooled, schema });
}

/** Runs a check and says how it went. */
async function told({ check, where, clock }: { check: string; where: string; clock: Clock }, work: () => Promise<string>): Promise<SelfTestResult> {
  try {
    return { check, state: 'ok', detail: `${where}: ${await inTime(work(), clock)}` };
  } catch (error) {
    return { check, state: 'fail', detail: `${where}: ${reasonOf(error)}` };
  }
}

/** Nothing is said when it went well. */
async function cleaned(where: string, cleanUp: () => Promise<void>, clock: Clock): Promise<SelfTestResult[]> {
  const result = await told({ check: 'cleanup', where, clock }, () => cleanUp().then(() => ''));
  return result.state === 'ok' ? [] : [result];
}

async function tryLimiter(target: SelfTestTarget, name: string, clock: Clock): Promise<SelfTestResult[]> {
  let opened: TestLimiter;
  try {
    opened = await inTime(openTestLimiter(target, name, clock), clock);
  } catch (error) {
    return [{ check: 'limits', state: 'fail', detail: reasonOf(error) }];
  }
  const { limiter, where, cleanUp } = opened;
  return [
    await told({ check: 'limits', where, clock }, () => checkLimits(limiter)),
    await told({ check: 'duplicates', where, clock }, () => checkDuplicates(limiter)),
    await told({ check: 'governor', where, clock }, () => checkStats(limiter)),
    ...(await cleaned(where, cleanUp, clock)),
  ];
}

async function tryDeadLetters(target: SelfTestTarget, name: string, clock: Clock): Promise<SelfTestResult[]> {
  let opened: TestStore;
  try {
    opened = await inTime(openTestStore(target, `chasqui_${name}`, clock), clock);
  } catch (error) {
    return [{ check: 'dlq', state: 'fail', detail: reasonOf(error) }];
  }
  const { store, where, cleanUp } = opened;
  const result = await told({ check: 'dlq', where, clock }, () => checkDeadLetters(store, createIds(clock, systemRandom)));
  return [result, ...(await cleaned(where, cleanUp, clock))];
}

/**
 * Limits, duplicates, governor statistics and dead letters on the services of a configuration, under names that nothing else uses, which are gone
 * afterwards. Never rejects, and ends even where a service does not answer.
 */
export async function runSelfTest(target: SelfTestTarget, clock: Clock): Promise<SelfTestResult[]> {
  const name = `self_test_${createIds(clock, systemRandom)('op').slice(-12)}`;
  const [limits, letters] = await Promise.all([tryLimiter(target, name, clock), tryDeadLetters(target, name, clock)]);
  return [...limits, ...letters];
}
