import type { ConversationId, JobId, MessageId } from '../domain/ids.ts';
import type { JobRecord } from '../ports/jobs.ts';
import type { Reports } from '../ports/reports.ts';
import { createDeadLetterDesk } from './dead-letters.ts';
import type { DeadLetterDesk } from './dead-letters.ts';
import { createEngineDesk } from './engine.ts';
import type { EngineDesk } from './engine.ts';
import { journeyOf } from './journey.ts';
import type { Journey } from './journey.ts';
import type { OperateDeps, OperateSettings } from './operate-deps.ts';
import { createLegacyDesk } from './legacy-queue.ts';
import type { LegacyDesk } from './legacy-queue.ts';
import { importJobsKind } from './operations/import-jobs.ts';
import { createOperations } from './operations/index.ts';
import type { OperationDesk } from './operations/index.ts';
import { purgeKind } from './operations/purge.ts';
import { retryAllKind } from './operations/retry-all.ts';
import { createQueueDesk } from './queue.ts';
import type { QueueDesk } from './queue.ts';
import { scalingView } from './scaling.ts';
import type { ScalingView } from './scaling.ts';
import { createStats } from './stats.ts';
import type { Stats } from './stats.ts';

export type { DeadLetterPage, DeadLetterSummary, DeadLetterView } from './dead-letters.ts';
export type { EngineChange, EngineDesk, EngineView } from './engine.ts';
export type { GovernorStats, GovernorView } from './governor-stats.ts';
export type { Journey, JourneyStep } from './journey.ts';
export type { CacheStats, OperateDeps, OperateSettings } from './operate-deps.ts';
export type { ImportRequest, LegacyDesk, LegacyGate, LegacyReport } from './legacy-queue.ts';
export type { CancelResult, OperationDesk, ResumeResult } from './operations/index.ts';
export type { PauseResult, QueueDesk, QueueView } from './queue.ts';
export type { ScalingView } from './scaling.ts';
export type { AdminStats, ChatwootStats, ResilienceStats } from './stats.ts';
export { PURGE_CONFIRMATION } from './dead-letters.ts';

type MessageLine = Awaited<ReturnType<Reports['messages']>>[number];

/** What operators do and ask. Rejects with the store's errors; expected fates are returned. */
export interface Operate {
  readonly deadLetters: DeadLetterDesk;
  readonly operations: OperationDesk;
  readonly legacy: LegacyDesk;
  readonly stats: Stats;
  readonly queue: QueueDesk;
  readonly engine: EngineDesk;
  /** What there is to do, and how many workers that takes. */
  scaling(): Promise<ScalingView>;
  /** Null: no such message. */
  journey(id: string): Promise<Journey | null>;
  /** Newest first. */
  messages(conversationId: string, limit: number): Promise<MessageLine[]>;
  /** Null: no such job. */
  job(id: string): Promise<JobRecord | null>;
  /** Goes on with operations that were interrupted, here or in another process, from now on. */
  begin(): void;
  /** Hands over what runs in the background. Call it before the store closes. */
  stop(): Promise<void>;
}

/** The operators' room: dead letters, statistics, journeys, pause. */
export function createOperate(deps: OperateDeps, settings: OperateSettings): Operate {
  const { store } = deps;
  const imports = { mailbox: store.mailbox, newId: deps.newId, wake: deps.wake, orgId: deps.legacy.orgId, open: deps.legacy.open };
  const operations = createOperations(deps, [retryAllKind(deps), purgeKind(deps), importJobsKind(imports)]);
  const desk = createDeadLetterDesk({ ...deps, operations }, settings);
  return {
    deadLetters: desk,
    operations: operations.desk,
    legacy: createLegacyDesk({ ...deps, jobs: store.jobs, gate: deps.legacy, imports, operations }),
    stats: createStats(deps, desk.stats),
    queue: createQueueDesk(deps),
    engine: createEngineDesk(deps),
    scaling: () => scalingView(store.reports, settings.scaling),
    journey: async (id) => {
      const record = await store.reports.message(id as MessageId);
      return record && journeyOf(record);
    },
    messages: (conversationId, limit) => store.reports.messages(conversationId as ConversationId, limit),
    job: (id) => store.jobs.get(id as JobId),
    begin: () => operations.begin(),
    stop: () => operations.stop(),
  };
}
