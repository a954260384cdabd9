import type { ChannelId, OrgId } from '../domain/ids.ts';

/** What can be paused: everything, one org, one channel. */
export type PauseTarget = { scope: 'all' } | { scope: 'org'; orgId: OrgId } | { scope: 'channel'; channelId: ChannelId };

export interface Pause {
  target: PauseTarget;
  /** UTC ms. */
  since: number;
}

/** Which wake-ups the processes use: the store's own, those in Redis, or both while moving from one to the other. */
export type EngineMode = 'local' | 'both' | 'bullmq';

/**
 * What operators decided for all processes at once. Kept in the store, so it outlives restarts and needs no Redis. A pause stops
 * lanes from being claimed: what is in hand goes on, and intake goes on.
 */
export interface Controls {
  /** False: it was paused already. */
  pause(target: PauseTarget): Promise<boolean>;
  /** False: it was not paused. Lanes held back may be claimed at once. */
  resume(target: PauseTarget): Promise<boolean>;
  /** Oldest first. */
  pauses(): Promise<Pause[]>;
  /** Null: never set, so the settings decide. */
  engineMode(): Promise<EngineMode | null>;
  setEngineMode(mode: EngineMode): Promise<void>;
}
