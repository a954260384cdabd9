import type { FaultRates } from '../../simulators/fault-plan.ts';
import type { RestFault, WebhookFault } from '../../simulators/chatwoot/faults.ts';
import type { ChatFault } from '../../simulators/openai/faults.ts';
import type { Cell } from './cell.ts';
import type { PlantedBug } from './planted.ts';

/** What a process does to itself at a named point. Durations are ms. */
export type Action =
  | { do: 'kill' }
  /** Stops; the runner lets it go on after `ms`. */
  | { do: 'freeze'; ms: number }
  /** Its event loop is busy for `ms`: no timer fires, no lease is renewed, nothing is answered. */
  | { do: 'block'; ms: number }
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

export type Role = 'all' | 'api' | 'worker';

/** One process, which is started again when it dies. */
export interface Member {
  role: Role;
  /** Failpoints of each life; later lives have none. */
  lives: Failpoint[][];
}

/** What a message needs: an answer; or, because the model never takes it or it kills its process, the apology. */
export type Fate = 'answer' | 'apology' | 'apology_crashed';

/** What happens to a process from outside; `member` is its place in the plan. */
export type ProcessStep =
  /** SIGKILL, down for `ms`. */
  | { at: number; do: 'kill'; member: number; ms: number }
  /** SIGTERM, down for `ms` after the end. */
  | { at: number; do: 'deploy'; member: number; ms: number }
  /** SIGSTOP for `ms`. */
  | { at: number; do: 'freeze'; member: number; ms: number }
  /** Its event loop is busy for `ms`. */
  | { at: number; do: 'block'; member: number; ms: number };

/** What happens to the servers, and on the way to them. */
export type ServerStep =
  /** PostgreSQL dies at once, as by a power cut of its machine, and is back after `ms`. */
  | { at: number; do: 'postgres_restart'; ms: number }
  /** PostgreSQL ends all our connections. */
  | { at: number; do: 'postgres_terminate' }
  /** Redis is killed (SIGKILL), and back after `ms` with what its file kept. */
  | { at: number; do: 'redis_kill'; ms: number }
  /** SIGSTOP of Redis for `ms`. */
  | { at: number; do: 'redis_freeze'; ms: number }
  /** FLUSHALL. */
  | { at: number; do: 'redis_flush' }
  /** CLIENT PAUSE. */
  | { at: number; do: 'redis_pause'; ms: number }
  /** The connections of one process (null: of all) to a server are half open for `ms`: `dead` swallows both ways, `deaf` only the answers. */
  | { at: number; do: 'half_open'; to: 'postgres' | 'redis'; member: number | null; mode: 'dead' | 'deaf'; ms: number };

/** What users and the world do, `at` ms after the start. */
export type Step =
  | { at: number; do: 'say'; conversation: number; tag: string; text: string; copies: number; fate: Fate }
  | { at: number; do: 'take_over'; conversation: number; how: 'agent_reply' | 'assigned' | 'opened' }
  /** Chatwoot sends no webhooks for `ms`: they are not even queued. */
  | { at: number; do: 'no_webhooks'; ms: number }
  | ProcessStep
  | ServerStep;

/** One schedule, made from its seed and its cell alone. */
export interface Plan {
  seed: number;
  cell: Cell;
  /** Nothing is healed before this, ms after the start. */
  spanMs: number;
  steps: Step[];
  members: Member[];
  /** Redis comes up so long after the processes were started, ms; null: before them. */
  redisLateMs: number | null;
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
