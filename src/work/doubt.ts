import { backoffMs } from '../domain/backoff.ts';
import { isFinal } from '../domain/errors.ts';
import { AGAIN, type Step } from './deps.ts';
import type { TurnOf } from './part.ts';
import { PATIENCE_MS } from './resolve.ts';

/**
 * The platform's state contradicts ours: it is asked before anything is said. When it will never tell, the doubt is dropped: what its
 * webhooks said has named no person.
 */
export async function examine(turnOf: TurnOf): Promise<Step> {
  const { deps, settings, patience } = turnOf.work;
  const { conversation, hold } = turnOf;
  try {
    await deps.examine(conversation, hold.signal);
    patience.forget(conversation.id);
    return AGAIN;
  } catch (error) {
    hold.signal.throwIfAborted();
    const { asks, forMs } = patience.inVain(conversation.id, deps.clock.monotonic());
    deps.telemetry.log.warn({ err: error, conversationId: conversation.id, asks }, 'could not ask the platform who owns a conversation');
    if (isFinal(error) || forMs > PATIENCE_MS) await deps.conversations.clearDoubt(conversation.id);
    return { kind: 'park', ms: backoffMs(asks + 1, settings.retryDelayMs) };
  }
}
