import type { Clock } from '../domain/clock.ts';
import type { LaneId, NewId } from '../domain/ids.ts';
import type { Engine } from '../ports/engine.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** What a cache of answers tells about itself; `hitRate` is 0 to 1. */
export interface CacheStats {
  hitRate: number;
  hits: number;
  misses: number;
  entries: number;
}

export interface OperateDeps {
  store: Pick<Store, 'deadLetters' | 'operations' | 'reports'>;
  /** Null in a process that takes no work (role `api`). */
  engine: Engine | null;
  clock: Clock;
  newId: NewId;
  /** Called after the commit that made work; a hint. */
  wake: (laneId: LaneId) => void;
  telemetry: Telemetry;
  /** The answers' cache, when there is one. */
  cache?: () => CacheStats;
  /** Whether Redis answers, when it is configured. */
  redis?: () => boolean;
}

export interface OperateSettings {
  /** The name shown for the dead letters (`DLQ_NAME`). */
  dlqName: string;
  /** More dead letters than this raise the alert (`DLQ_ALERT_THRESHOLD`). */
  alertThreshold: number;
}
