/**
 * Whose a row of a legacy table queue is. `reserved`: Chasqui's, and not begun, so it can be given back; `claimed`: Chasqui has begun it;
 * `dead`: it is a dead letter at Chasqui; `completed`: done, by whoever; `other`: a status that belongs to the old workers.
 */
export type LegacyStatus = 'pending' | 'reserved' | 'claimed' | 'dead' | 'completed' | 'moving' | 'moved' | 'other';

/** A row that Chasqui has just taken. */
export interface LegacyRow {
  id: string;
  type: string;
  payload: unknown;
  /** Milliseconds until it is due, by the table's own clock; 0 when it is. */
  dueInMs: number;
}

/** A row that is Chasqui's. */
export interface HeldRow extends LegacyRow {
  status: LegacyStatus;
}

/** How many rows there are. */
export interface LegacyCount {
  type: string;
  status: LegacyStatus;
  count: number;
}

/** What became of a row's job. */
export type LegacyEnd = 'completed' | 'dead';

/**
 * A table in the user's own database that other programs poll for jobs (docs/legacy-queue.md has the mapping). Everything that decides who
 * executes a row is one conditional update of its status, so that a row is executed by one side, whoever else polls.
 */
export interface LegacyQueue {
  /** Names the table in keys and logs, without secrets. */
  readonly source: string;
  /** @throws AppError naming what the table lacks. */
  check(): Promise<void>;
  /** Takes up to `limit` pending rows of these types that are due, oldest first: `pending` to `reserved`. */
  reserve(types: string[], limit: number): Promise<LegacyRow[]>;
  /** The next rows after `after` by id, due or not, for an import: `pending` to `as`, with those that were `as` already. */
  take(types: string[], page: { after: string | null; limit: number; as: 'reserved' | 'moving' }): Promise<LegacyRow[]>;
  /** `moving` to `moved`: these rows are Chasqui's for good, and are not written any more. */
  moved(ids: string[]): Promise<void>;
  /** Gives rows back that are reserved and of none of these types: `reserved` to `pending`. Returns how many. */
  giveBack(except: string[]): Promise<number>;
  /** Notes that attempt n begins. `begun` only while the row is Chasqui's; otherwise whose it is; null when it is gone. */
  begin(id: string, attempt: number): Promise<'begun' | LegacyStatus | null>;
  /** Writes down how it ended, while the row is Chasqui's. */
  end(id: string, end: LegacyEnd): Promise<void>;
  /** Rows of these types that are `reserved` or `claimed`, by id. */
  held(types: string[], page: { after: string | null; limit: number }): Promise<HeldRow[]>;
  statuses(ids: string[]): Promise<Map<string, LegacyStatus>>;
  counts(): Promise<LegacyCount[]>;
  close(): Promise<void>;
}
