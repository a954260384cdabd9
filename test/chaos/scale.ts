import { fileKey, settingsSchema } from '../../src/config/settings.ts';
import type { Cell } from './cell.ts';

/** What the simulated platform does faster than a real one, ms. */
export interface Scale {
  webhookTimeoutMs: number;
  webhookRetryMs: number;
  lateLandMs: number;
  catchUpMs: number;
  /** Longer than this a process is frozen, blocked or stalled: its lease and a bit. */
  beyondLeaseMs: number;
}

/** How long open circuit breakers rest, for which there is no setting. */
export const RESTS = { firstMs: 300, lastMs: 1000 };

const SEND = { requestMs: 200, landingMs: 300 };

/** More deaths than one schedule holds: only what the plan calls poison may die of them. */
const MANY_CRASHES = 50;

/** Settings that a chaos run scales down on any store, so that what takes a minute takes a second. */
const SCALED = {
  QUEUE_RETRY_DELAY_MS: '30',
  SEND_REQUEST_MS: String(SEND.requestMs),
  SEND_LANDING_MS: String(SEND.landingMs),
  SEND_MAX_TRIES: '20',
  BURST_DEBOUNCE_MS: '30',
  BURST_MAX_WAIT_MS: '150',
  CATCH_UP_INTERVAL_MS: '500',
  LOCAL_QUEUE_CONCURRENCY: '4',
  WORKER_PROCESSING_TIMEOUT_MS: '5000',
  WORKER_TYPING_INTERVAL_MS: '500',
  MODEL_FIRST_CHUNK_MS: '700',
  MODEL_IDLE_MS: '500',
  QUEUE_MAX_CRASHES: String(MANY_CRASHES),
  LOG_LEVEL: 'warn',
  // Conversations are talked to far faster than by people.
  GOVERNOR_RATE_LIMIT_ENABLED: 'false',
};

/** One process with its file. */
const ON_SQLITE = { LANE_LEASE_MS: '600', STORE_TIMEOUT_MS: '500', SHUTDOWN_TIMEOUT_MS: '2000' };

/** Alone with its store, the local engine hears of everything; elsewhere the sweeper runs as seldom as by default, so that a lost wake-up is felt. */
const ALONE = { SWEEP_INTERVAL_MS: '200' };

/** Several processes on two cores: a quarter of the product's deadlines, and a tenth of its lease. */
const ON_POSTGRES = { LANE_LEASE_MS: '1500', STORE_TIMEOUT_MS: '1000', SHUTDOWN_TIMEOUT_MS: '4000' };

export function envOf({ store, engine }: Cell): Record<string, string> {
  if (store === 'postgres') return { ...SCALED, ...ON_POSTGRES };
  return { ...SCALED, ...ON_SQLITE, ...(engine === 'local' ? ALONE : {}) };
}

export function scaleOf({ store }: Cell): Scale {
  const shared = { webhookRetryMs: 100, lateLandMs: 60, catchUpMs: 500 };
  return store === 'sqlite' ? { ...shared, webhookTimeoutMs: 500, beyondLeaseMs: 700 } : { ...shared, webhookTimeoutMs: 1250, beyondLeaseMs: 1650 };
}

/** The intervals and deadlines that decide how soon a run recovers, each with the product's default where it differs. */
export function scalingOf(cell: Cell): string {
  const env = envOf(cell);
  const defaults = settingsSchema.parse({}) as Record<string, unknown>;
  const names = ['LANE_LEASE_MS', 'SWEEP_INTERVAL_MS', 'STORE_TIMEOUT_MS', 'CATCH_UP_INTERVAL_MS', 'QUEUE_RETRY_DELAY_MS', 'SEND_REQUEST_MS', 'SEND_LANDING_MS', ...(cell.engine === 'bullmq' ? ['REDIS_TIMEOUT_MS'] : [])];
  const settings = names.map((name) => `${name} ${env[name] ?? `${String(defaults[fileKey(name)])} (default)`}${env[name] ? ` (default ${String(defaults[fileKey(name)])})` : ''}`);
  return [...settings, `open circuit breakers rest ${RESTS.firstMs} to ${RESTS.lastMs} ms (default 5000 to 60000)`].join(', ');
}
