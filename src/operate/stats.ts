import type { EngineStats } from '../ports/engine.ts';
import type { QueueCounts } from '../ports/reports.ts';
import type { DeadLetterSummary } from './dead-letters.ts';
import { governorStats, type GovernorStats } from './governor-stats.ts';
import type { CacheStats, OperateDeps } from './operate-deps.ts';
import { isAllPaused } from './queue.ts';

export type WorkerView =
  | { running: false }
  | { running: true; mode: string; active: number; concurrency: number; succeeded: number; failed: number; successRate: string };

/** `GET /chatwoot/stats`. */
export interface ChatwootStats {
  /** `paused`: everything is, in all processes. */
  queue: QueueCounts & { paused: boolean; oldestWaitingMs: number };
  /** Null when there is no cache. */
  cache: CacheStats | null;
  worker: WorkerView;
}

/** `GET /admin/stats`. */
export interface AdminStats {
  /** Whether Redis answers; false as well when none is configured. */
  redis: boolean;
  queue: QueueCounts & { dlq: Pick<DeadLetterSummary, 'available' | 'counts' | 'alertThreshold' | 'isAboveThreshold'> };
}

/** The queue's part of `GET /health/resilience`. */
export interface ResilienceStats {
  queue: { pending: number; active: number; concurrency: number; successRate: string };
  engine: { mode: string; paused: boolean };
}

/** The share of lanes drained without an error since the start, as `98.5%`. Nothing failed yet: `100.0%`. */
export function successRate({ succeeded, failed }: Pick<EngineStats, 'succeeded' | 'failed'>): string {
  const total = succeeded + failed;
  return `${((total === 0 ? 1 : succeeded / total) * 100).toFixed(1)}%`;
}

function worker(engine: EngineStats | undefined): WorkerView {
  return engine ? { running: true, ...engine, successRate: successRate(engine) } : { running: false };
}

type Deps = Pick<OperateDeps, 'store' | 'engine' | 'cache' | 'redis' | 'governor'>;

export interface Stats {
  chatwoot(): Promise<ChatwootStats>;
  admin(): Promise<AdminStats>;
  resilience(): Promise<ResilienceStats>;
  governor(): Promise<GovernorStats>;
}

async function chatwoot({ store, engine, cache }: Deps): Promise<ChatwootStats> {
  const { reports, controls } = store;
  const [counts, oldestWaitingMs, pauses] = await Promise.all([reports.counts(), reports.oldestWaitingMs(), controls.pauses()]);
  return { queue: { ...counts, paused: isAllPaused(pauses), oldestWaitingMs }, cache: cache?.() ?? null, worker: worker(engine?.stats()) };
}

async function admin({ store, redis }: Deps, deadLetters: () => Promise<DeadLetterSummary>): Promise<AdminStats> {
  const [queue, letters] = await Promise.all([store.reports.counts(), deadLetters()]);
  const { available, counts, alertThreshold, isAboveThreshold } = letters;
  return { redis: redis?.() ?? false, queue: { ...queue, dlq: { available, counts, alertThreshold, isAboveThreshold } } };
}

async function resilience({ store, engine }: Deps): Promise<ResilienceStats> {
  const [{ waiting, active }, pauses] = await Promise.all([store.reports.counts(), store.controls.pauses()]);
  const stats = engine?.stats() ?? { mode: 'none', active, concurrency: 0, succeeded: 0, failed: 0 };
  return {
    queue: { pending: waiting, active: stats.active, concurrency: stats.concurrency, successRate: successRate(stats) },
    engine: { mode: stats.mode, paused: isAllPaused(pauses) },
  };
}

export function createStats(deps: Deps, deadLetters: () => Promise<DeadLetterSummary>): Stats {
  return {
    chatwoot: () => chatwoot(deps),
    admin: () => admin(deps, deadLetters),
    resilience: () => resilience(deps),
    governor: () => governorStats(deps.governor),
  };
}
