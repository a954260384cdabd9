import type { EngineMode } from './controls.ts';

/** Wake-ups in Redis. */
export interface WakeupCounts {
  waiting: number;
  /** In the hands of workers. */
  active: number;
  /** For later. */
  delayed: number;
}

/** A process as it tells of itself in Redis. */
export interface ProcessNote {
  process: string;
  role: 'all' | 'api' | 'worker';
  /** What it was told. */
  mode: EngineMode;
  /** Wake-ups that its sweeper made up for in the last minute. */
  rescued: number;
}

/** What operators see of wake-ups through Redis. Everything of Redis is null while it does not serve. */
export interface EngineWatch {
  /** What this process was told. */
  mode(): EngineMode;
  /** Follows the decision kept in the store now, instead of a moment later. */
  follow(): Promise<void>;
  wakeups(): Promise<WakeupCounts | null>;
  /** Those that were heard of in the last seconds, this one among them. */
  processes(): Promise<ProcessNote[] | null>;
  /** What ought to be different about Redis, in sentences. */
  warnings(): string[];
}
