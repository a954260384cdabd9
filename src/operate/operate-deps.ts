import type { Clock } from '../domain/clock.ts';
import type { ScalingRules } from '../domain/desired-workers.ts';
import type { LaneId, NewId } from '../domain/ids.ts';
import type { ActionLimits } from '../ports/action-limits.ts';
import type { PauseTarget } from '../ports/controls.ts';
import type { Engine } from '../ports/engine.ts';
import type { EngineWatch } from '../ports/engine-watch.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { GovernorDeps } from './governor-stats.ts';
import type { LegacyGate } from './legacy-queue.ts';

/** What a cache of answers tells about itself; `hitRate` is 0 to 1. */
export interface CacheStats {
  hitRate: number;
  hits: number;
  misses: number;
  entries: number;
}

export interface OperateDeps {
  store: Pick<Store, 'deadLetters' | 'mailbox' | 'operations' | 'jobs' | 'reports' | 'lanes' | 'controls'>;
  /** Null in a process that takes no work (role `api`). */
  engine: Engine | null;
  clock: Clock;
  newId: NewId;
  /** Called after the commit that made work; a hint. */
  wake: (laneId: LaneId, inMs?: number) => void;
  telemetry: Telemetry;
  legacy: LegacyGate;
  /** Whether the configuration has such an org or channel. */
  isKnown: (target: PauseTarget) => boolean;
  governor: GovernorDeps;
  limits: ActionLimits;
  /** The answers' cache, when there is one. */
  cache?: () => CacheStats;
  /** Null: Redis is not configured. */
  watch: EngineWatch | null;
  /** Whether Redis answers, when it is configured. */
  redis?: () => boolean;
}

export interface OperateSettings {
  /** The name shown for the dead letters (`DLQ_NAME`). */
  dlqName: string;
  /** More dead letters than this raise the alert (`DLQ_ALERT_THRESHOLD`). */
  alertThreshold: number;
  /** By what the desired number of workers is found. */
  scaling: ScalingRules;
}
