import type { FaultRates } from '../../simulators/fault-plan.ts';
import type { RestFault, WebhookFault } from '../../simulators/chatwoot/faults.ts';
import type { ChatFault } from '../../simulators/openai/faults.ts';
import type { PlantedBug } from './planted.ts';

/** What a process does to itself at a named point. Durations are ms. */
export type Action =
  | { do: 'kill' }
  /** Stops; the runner lets it go on after `ms`. */
  | { do: 'freeze'; ms: number }
  /** The call rests for `ms`; the leases of the process are not renewed meanwhile. */
  | { do: 'stall'; ms: number }
  /** No lease of the process is renewed for `ms`. */
  | { do: 'lose_renewals'; ms: number }
  /** The store refuses without having done anything. */
  | { do: 'refuse' }
  /** The store does it, and its answer is lost. */
  | { do: 'lose_answer' }
  /** The hint that a lane has work is lost. */
  | { do: 'lose_wake' };

/** The `nth` time that one life of the process comes by `point`, it does this. */
export interface Failpoint {
  point: string;
  nth: number;
  action: Action;
}

/** What a message needs: an answer; or, because the model never takes it or it kills its process, the apology. */
export type Fate = 'answer' | 'apology' | 'apology_crashed';

/** What users and the world do, `at` ms after the start. */
export type Step =
  | { at: number; do: 'say'; conversation: number; tag: string; text: string; copies: number; fate: Fate }
  | { at: number; do: 'take_over'; conversation: number; how: 'agent_reply' | 'assigned' | 'opened' }
  /** Chatwoot sends no webhooks for `ms`: they are not even queued. */
  | { at: number; do: 'no_webhooks'; ms: number }
  /** SIGKILL from outside, down for `ms`. */
  | { at: number; do: 'kill'; ms: number }
  /** SIGTERM, down for `ms` after the end. */
  | { at: number; do: 'deploy'; ms: number }
  /** SIGSTOP for `ms`. */
  | { at: number; do: 'freeze'; ms: number };

/** One schedule, made from its seed alone. */
export interface Plan {
  seed: number;
  /** Nothing is healed before this, ms after the start. */
  spanMs: number;
  steps: Step[];
  /** Failpoints of each life of the process; later lives have none. */
  lives: Failpoint[][];
  rest: FaultRates<RestFault>;
  webhook: FaultRates<WebhookFault>;
  model: FaultRates<ChatFault>;
  /** Webhooks leave Chatwoot's queue in any order. */
  shuffle: boolean;
  /** False: the platform cannot be asked for what was missed; only what was acknowledged must be answered. */
  catchUp: boolean;
  env: Record<string, string>;
  planted: PlantedBug | null;
}

/** Every setting that a chaos run scales down. ms. */
export const SCALE = { leaseMs: 600, requestMs: 200, landingMs: 300, debounceMs: 30, catchUpMs: 500, webhookTimeoutMs: 500, webhookRetryMs: 100, lateLandMs: 60 } as const;

/** More deaths than one schedule holds: only what the plan calls poison may die of them. */
const MANY_CRASHES = 50;

export const BASE_ENV: Record<string, string> = {
  LANE_LEASE_MS: String(SCALE.leaseMs),
  QUEUE_RETRY_DELAY_MS: '30',
  SEND_REQUEST_MS: String(SCALE.requestMs),
  SEND_LANDING_MS: String(SCALE.landingMs),
  SEND_MAX_TRIES: '20',
  BURST_DEBOUNCE_MS: String(SCALE.debounceMs),
  BURST_MAX_WAIT_MS: '150',
  CATCH_UP_INTERVAL_MS: String(SCALE.catchUpMs),
  SWEEP_INTERVAL_MS: '200',
  STORE_TIMEOUT_MS: '500',
  SHUTDOWN_TIMEOUT_MS: '2000',
  LOCAL_QUEUE_CONCURRENCY: '4',
  WORKER_PROCESSING_TIMEOUT_MS: '5000',
  WORKER_TYPING_INTERVAL_MS: '500',
  MODEL_FIRST_CHUNK_MS: '700',
  MODEL_IDLE_MS: '500',
  QUEUE_MAX_CRASHES: String(MANY_CRASHES),
  LOG_LEVEL: 'warn',
};
