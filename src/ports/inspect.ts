/** What a PostgreSQL tells about itself. */
export interface DatabaseFacts {
  /** As `server_version_num`: 150018 is 15.18. */
  version: number;
  /** Of the middle one of a few trivial statements, ms. */
  latencyMs: number;
  /** Its clock minus ours, ms, to within half the latency. */
  skewMs: number;
  /** Connections of clients now, ours among them, and how many there may be for us. */
  connections: { used: number; most: number };
  /** Somebody stands between us and the server. */
  isPooled: boolean;
  /** It is a copy that cannot be written to. */
  isReadOnly: boolean;
  fsync: boolean;
  /** `off`: acknowledged transactions of the last moments may be lost with the server. */
  synchronousCommit: string;
  /** Chasqui's tables are there, or this user may make them. */
  mayCreate: boolean;
}

/** What a Redis tells about itself. */
export interface RedisFacts {
  version: string;
  latencyMs: number;
  /** What ought to be different, in sentences for the operator. Empty: nothing. */
  warnings: string[];
  /** Null: it does not say. */
  maxmemoryPolicy: string | null;
  aof: boolean | null;
  appendfsync: string | null;
}

/** The services of a configuration, by the names of its settings. */
export interface SelfTestTarget {
  databaseUrl?: string;
  databasePooled: boolean;
  redisUrl?: string;
  redisHost?: string;
  redisPort: number;
  redisPassword?: string;
  redisKeyPrefix: string;
}

/** How one check of the self-test went. */
export interface SelfTestResult {
  check: string;
  state: 'ok' | 'fail';
  detail: string;
}

/** Looks at the services that a process depends on, over a connection of its own, without changing anything. Rejects when one does not answer within 5 s. */
export interface Inspect {
  database(url: string): Promise<DatabaseFacts>;
  /**
   * Tries limits, duplicates, governor statistics and dead letters there, under names that nothing else uses, and removes them. Never rejects, and ends
   * even where a service does not answer.
   */
  selfTest(target: SelfTestTarget): Promise<SelfTestResult[]>;
  redis(address: { url: string } | { host: string; port: number; password?: string }): Promise<RedisFacts>;
}
