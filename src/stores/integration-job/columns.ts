/** What the columns of a table are called. Null: the table has no such column. */
export interface LegacyColumns {
  id: string;
  type: string;
  payload: string;
  status: string;
  runAt: string | null;
  attempts: string | null;
  finishedAt: string | null;
}

/** What the statuses of a table are called. */
export interface LegacyStatuses {
  pending: string;
  reserved: string;
  claimed: string;
  dead: string;
  completed: string;
  moving: string;
  moved: string;
}

export const DEFAULT_COLUMNS: LegacyColumns = {
  id: 'id', type: 'type', payload: 'payload', status: 'status', runAt: 'run_at', attempts: 'attempts', finishedAt: 'finished_at',
};

export const DEFAULT_STATUSES: LegacyStatuses = {
  pending: 'pending',
  reserved: 'reserved_by_chasqui',
  claimed: 'claimed_by_chasqui',
  dead: 'failed_by_chasqui',
  completed: 'completed',
  moving: 'moving_to_chasqui',
  moved: 'moved_to_chasqui',
};
