import type { ConversationId, MessageId, OperationId } from '../domain/ids.ts';
import type { Operation } from '../ports/dead-letters.ts';
import type { Reports } from '../ports/reports.ts';
import { createDeadLetterDesk } from './dead-letters.ts';
import type { DeadLetterDesk } from './dead-letters.ts';
import { journeyOf } from './journey.ts';
import type { Journey } from './journey.ts';
import type { OperateDeps, OperateSettings } from './operate-deps.ts';
import { createRetryAll } from './retry-all.ts';
import type { Started } from './retry-all.ts';
import { createStats } from './stats.ts';
import type { Stats } from './stats.ts';

export type { DeadLetterPage, DeadLetterSummary, DeadLetterView } from './dead-letters.ts';
export type { Journey, JourneyStep } from './journey.ts';
export type { CacheStats, OperateDeps, OperateSettings } from './operate-deps.ts';
export type { AdminStats, ChatwootStats, ResilienceStats } from './stats.ts';
export { PURGE_CONFIRMATION } from './dead-letters.ts';

type MessageLine = Awaited<ReturnType<Reports['messages']>>[number];

/** What operators do and ask. Rejects with the store's errors; expected fates are returned. */
export interface Operate {
  readonly deadLetters: DeadLetterDesk & {
    /** Retries every letter in each conversation's order, in the background. */
    retryAll(): Promise<Started>;
  };
  readonly stats: Stats;
  /** Stops taking work in this process; false when it takes none anyway (role `api`). Intake goes on. */
  pause(): boolean;
  resume(): boolean;
  /** Null: no such message. */
  journey(id: string): Promise<Journey | null>;
  /** Newest first. */
  messages(conversationId: string, limit: number): Promise<MessageLine[]>;
  /** Null: no such operation. */
  operation(id: string): Promise<Operation | null>;
  /** Ends what runs in the background. Call it before the store closes. */
  stop(): Promise<void>;
}

/** The operators' room: dead letters, statistics, journeys, pause. */
export function createOperate(deps: OperateDeps, settings: OperateSettings): Operate {
  const { store, engine } = deps;
  const desk = createDeadLetterDesk(deps, settings);
  const all = createRetryAll(deps);
  return {
    deadLetters: { ...desk, retryAll: () => all.start() },
    stats: createStats(deps, desk.stats),
    pause: () => {
      engine?.pause();
      return engine !== null;
    },
    resume: () => {
      engine?.resume();
      return engine !== null;
    },
    journey: async (id) => {
      const record = await store.reports.message(id as MessageId);
      return record && journeyOf(record);
    },
    messages: (conversationId, limit) => store.reports.messages(conversationId as ConversationId, limit),
    operation: (id) => store.operations.get(id as OperationId),
    stop: () => all.stop(),
  };
}
