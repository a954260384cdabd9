import type { OrgId } from '../domain/ids.ts';

/** What came of the call that a pass allowed. */
export type CallResult =
  /** Answered. `units`: its size, such as the tokens of the answer; 0 where it is not known. */
  | { kind: 'ok'; units: number }
  /** Refused for being one too many (429). */
  | { kind: 'limited'; retryAfterMs: number }
  /** The other side is in trouble: it failed, cannot be reached, broke off. */
  | { kind: 'failed' }
  /** No answer in time. */
  | { kind: 'late' }
  /** It refused this call; that says nothing about the next one. */
  | { kind: 'refused' }
  /** No call was made. */
  | { kind: 'unused' };

/** The right to one call. */
export interface Pass {
  /** Gives it back. Only the first time counts. */
  leave(result: CallResult): void;
}

export type Entry = { kind: 'go'; pass: Pass } | { kind: 'wait'; ms: number; why: 'open' | 'limited' | 'full' | 'retries' };

/**
 * What stands before the calls to one provider or platform: whether it is well, how many calls it takes at once, whose turn it is, and
 * whether trying again is worth it. Whoever has to wait puts the work back, and holds nothing meanwhile.
 */
export interface Gate {
  readonly name: string;
  /** How long it certainly lets nobody in, as far as this process knows, ms; 0: ask. */
  shutMs(): number;
  enter(who: { orgId: OrgId; isRetry: boolean }): Promise<Entry>;
}
