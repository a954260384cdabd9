import { AppError, ResponderError } from '../domain/errors.ts';
import type { SendResult } from '../ports/channel.ts';
import type { CallResult } from '../ports/gate.ts';
import type { Answer } from '../ports/responder.ts';

export const ofAnswer = ({ usage }: Answer): CallResult => ({ kind: 'ok', units: Number(usage?.outputTokens) || 0 });

/** What a failed question says about who was asked. */
export function ofError(error: unknown): CallResult {
  if (error instanceof ResponderError) return ofResponder(error);
  return error instanceof AppError && error.code === 'responder_timeout' ? { kind: 'late' } : { kind: 'refused' };
}

function ofResponder({ fault, retryAfterMs }: ResponderError): CallResult {
  switch (fault) {
    case 'limited':
      return { kind: 'limited', retryAfterMs };
    case 'provider':
      return { kind: 'failed' };
    case 'late':
      return { kind: 'late' };
    case 'request':
      return { kind: 'refused' };
  }
}

/** What a try to send says about the platform. */
export function ofSend(result: SendResult): CallResult {
  switch (result.kind) {
    case 'sent':
      return { kind: 'ok', units: 0 };
    case 'refused_for_now':
      return result.isLimited ? { kind: 'limited', retryAfterMs: result.retryAfterMs ?? 0 } : { kind: 'failed' };
    case 'ambiguous':
      return { kind: 'failed' };
    case 'failed':
      return { kind: 'refused' };
  }
}
