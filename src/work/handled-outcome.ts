import type { Outcome } from '../domain/job.ts';
import type { DeadReason } from '../domain/message.ts';

const COMPLETED: Outcome = { kind: 'completed' };

const textOr = (value: unknown, other: string): string => (typeof value === 'string' ? value : other);

/**
 * What a handler returned, as an outcome that can be stored: it may be JavaScript, and return whatever the function it called returned. That
 * means `completed`; a `kind` that there is not is a mistake that somebody has to see.
 */
export function handledOutcome(returned: unknown): Outcome {
  if (typeof returned !== 'object' || returned === null || !('kind' in returned)) return COMPLETED;
  const { kind, inMs, error, reason } = returned as Record<string, unknown>;
  switch (kind) {
    case 'completed':
      return COMPLETED;
    case 'cancelled':
      return { kind, reason: textOr(reason, 'handler') };
    case 'retry':
      return { kind, error: textOr(error, 'the handler asked for it'), ...(Number.isFinite(inMs) && { inMs: Math.max(0, inMs as number) }) };
    case 'dead':
      return { kind, reason: textOr(reason, 'handler_rejected') as DeadReason, error: textOr(error, 'the handler gave it up') };
    default:
      return { kind: 'dead', reason: 'handler_rejected', error: `the handler returned the kind ${String(kind)}: return nothing, or completed, cancelled, retry or dead` };
  }
}
