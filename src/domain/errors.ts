/** An error with a stable code, safe to show: its message never carries a secret or the body of a message. */
export class AppError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The lane's epoch is no longer ours: stop at once and write nothing. Not a failure of the job. */
export class LeaseLost extends AppError {
  constructor() {
    super('lease_lost', 'another worker holds the lane now');
  }
}

/** The store did not answer in time. The command may have been executed all the same. */
export class StoreTimeout extends AppError {
  constructor(command: string, ms: number) {
    super('store_timeout', `the store did not answer ${command} within ${ms} ms`);
  }
}

/** The store could not commit (disk full, I/O error, closed). */
export class StoreFailed extends AppError {
  constructor(command: string, cause: unknown) {
    super('store_failed', `the store could not run ${command}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** More accepts wait for the disk than the configured bound. Ask again shortly. */
export class StoreBusy extends AppError {
  constructor(waiting: number) {
    super('store_busy', `${waiting} accepts already wait for the disk`);
  }
}

/** A channel could not learn something from its platform, and asking again will not help: no permission, no such thing. */
const FINAL_CODES: ReadonlySet<string> = new Set(['channel_auth', 'channel_not_found']);

export const isFinal = (error: unknown): boolean => error instanceof AppError && FINAL_CODES.has(error.code);

/** The settings cannot be used. The message names the key and the fix. */
export class ConfigError extends AppError {
  constructor(message: string) {
    super('config_invalid', message);
  }
}

/**
 * Whose fault it is that a responder failed. `provider`: it is in trouble. `late`: it did not answer in time. `limited`: it takes no more for
 * now. `request`: this question, or what it was asked with; the next one may do.
 */
export type Fault = 'provider' | 'late' | 'limited' | 'request';

/** A responder failed. `retryAfterMs` when the provider asked for a pause. */
export class ResponderError extends AppError {
  readonly retryAfterMs: number;
  /** `request` when it is not said. */
  readonly fault: Fault;
  constructor(code: string, message: string, options: ErrorOptions & { retryAfterMs?: number; fault?: Fault } = {}) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.fault = options.fault ?? 'request';
  }
}
