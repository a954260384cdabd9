/** Where a run keeps what it stores, and where its wake-ups come from. */
export interface Where {
  dataDir: string;
  /** Null: SQLite in `dataDir`. */
  databaseUrl: string | null;
  /** Null: the local engine. */
  redisUrl: string | null;
}

/** The environment of a Chasqui under measurement: defaults, but for what would wait on purpose. */
export function settingsOf({ dataDir, databaseUrl, redisUrl }: Where, concurrency: number): Record<string, string> {
  return {
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'error',
    DATA_DIR: dataDir,
    LOCAL_QUEUE_CONCURRENCY: String(concurrency),
    LOCAL_QUEUE_MAX_SIZE: '100',
    WORKER_CONCURRENCY: String(concurrency),
    WORKER_TYPING_ENABLED: 'false',
    BURST_DEBOUNCE_MS: '0',
    // Counted for every message, and never reached: as with those it is compared with.
    GOVERNOR_MAX_MESSAGES_PER_MINUTE: '10000',
    ...(databaseUrl !== null && { DATABASE_URL: databaseUrl }),
    ...(redisUrl !== null && { REDIS_URL: redisUrl }),
  };
}
