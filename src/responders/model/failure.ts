import type { APICallError } from 'ai';
import type { Clock } from '../../domain/clock.ts';
import { ResponderError } from '../../domain/errors.ts';
import { retryAfterMs } from './retry-after.ts';

/**
 * The SDK's errors carry the prompt, and endpoints repeat the API key or the text in theirs. So nothing of them is kept
 * but statuses and codes: no message, no `cause`.
 */
interface Circumstances {
  /** The turn's own signal. */
  signal: AbortSignal;
  clock: Clock;
}

export const tooLong = (maxBytes: number): ResponderError => new ResponderError('model_too_long', `the model sent more than ${maxBytes} bytes`);

export const timedOut = (detail: string): ResponderError => new ResponderError('model_timeout', detail, { fault: 'late' });

/** Any failure of a request as a {@link ResponderError} with a stable code. */
export function failureOf(error: unknown, { signal, clock }: Circumstances): ResponderError {
  if (signal.aborted) return stopped(signal.reason);
  if (error instanceof ResponderError) return error;
  if (isApiCallError(error)) return ofCall(error, clock);
  if (isNamed(error, 'TimeoutError') || isNamed(error, 'AbortError')) return timedOut('the model took too long');
  return ofStream(error);
}

function stopped(reason: unknown): ResponderError {
  if (isNamed(reason, 'TimeoutError')) return timedOut("the turn's deadline passed before the model had answered");
  return new ResponderError('model_aborted', 'the turn was stopped before the model had answered');
}

const isNamed = (error: unknown, name: string): error is Error => error instanceof Error && error.name === name;

const isApiCallError = (error: unknown): error is APICallError => isNamed(error, 'AI_APICallError');

function ofCall(error: APICallError, clock: Clock): ResponderError {
  const status = error.statusCode;
  if (status === undefined) return new ResponderError('model_unreachable', `the model endpoint cannot be reached${codeOf(error.cause)}`, { fault: 'provider' });
  if (status < 300) return ofBrokenBody(error);
  const pause = { retryAfterMs: retryAfterMs(error.responseHeaders ?? {}, clock.now()) };
  const detail = `the model endpoint answered ${status}${codeOf(errorIn(error.data))}`;
  if (status === 429) return new ResponderError('model_rate_limited', detail, { ...pause, fault: 'limited' });
  if (status === 401 || status === 403) return new ResponderError('model_auth', `${detail}; check the API key and the model's name`, pause);
  return new ResponderError(`model_http_${status}`, detail, { ...pause, fault: status >= 500 || status === 408 ? 'provider' : 'request' });
}

function ofBrokenBody(error: APICallError): ResponderError {
  if (error.cause instanceof ResponderError) return error.cause;
  return new ResponderError('model_bad_response', `the stream broke off before the answer was complete${codeOf(error.cause)}`, { fault: 'provider' });
}

/** An error event inside the stream, or one that is not JSON or has wrong types. */
function ofStream(error: unknown): ResponderError {
  if (!isNamed(error, 'AI_StreamProviderError')) {
    return new ResponderError('model_bad_response', `the model sent a stream that cannot be read${error instanceof Error ? ` (${error.name})` : ''}`, { fault: 'provider' });
  }
  const code = codeOf(error);
  const limited = code === ' (429)' || code === ' (rate_limit_exceeded)';
  return new ResponderError(limited ? 'model_rate_limited' : 'model_bad_response', `the model reported an error in its stream${code}`, { fault: limited ? 'limited' : 'provider' });
}

const errorIn = (data: unknown): unknown => (typeof data === 'object' && data !== null && 'error' in data ? data.error : undefined);

/** ` (code)` when there is one that is a plain word or a status, and so cannot be a secret or somebody's text. */
function codeOf(error: unknown): string {
  for (const key of ['code', 'type'] as const) {
    const value = fieldOf(error, key);
    const plain = typeof value === 'string' || typeof value === 'number';
    if (plain && /^([a-z_]{2,40}|[A-Z_]{2,40}|\d{3})$/.test(String(value))) return ` (${value})`;
  }
  return '';
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
