import type { MessageId, TurnId } from '../../../src/domain/ids.ts';
import type { StoredTurn } from '../../../src/domain/turn.ts';
import type { RetryResult } from '../../../src/ports/dead-letters.ts';
import type { Arrival } from '../../../src/ports/mailbox.ts';
import { LOST } from '../../../src/stores/commands.ts';
import { jobOf } from '../memory/state.ts';
import type { State } from '../memory/state.ts';

/** What the oracle must know beside the store's rows and what the platform showed. Instants are the world's own. */
export class Facts {
  readonly acked = new Set<string>();
  /** When a message was accepted or redriven, by external id. */
  readonly since = new Map<string, number>();
  /** When a reply was stored, by its turn. */
  readonly plannedAt = new Map<TurnId, number>();
  readonly takeovers: { conversation: string; at: number }[] = [];
  readonly owner = new Map<string, 'bot' | 'human'>();
  readonly genuine = new Map<string, number>();
  readonly withdrawnAt = new Map<string, number>();
  /** Parts that were shown twice only because a fact was not written down. */
  readonly avoidable = new Set<string>();
  /** For mutations: the epoch under which a part was last written, and a waiting job last promoted. */
  readonly writers = new Map<string, number>();
  readonly promoted = new Map<string, number>();
  claims = 0;

  /** Notes what a command of the store has just done. */
  learn(done: { method: string; args: unknown[]; result: unknown; t: number }, state: State): void {
    const { method, args, result, t } = done;
    if (result === LOST) return;
    if (method === 'claim') this.claims += (result as { claimed: unknown[] }).claimed.length;
    if (method === 'append') this.#accepted((args[0] as Arrival).message.externalId, t);
    if (method === 'plan' && result !== null) this.#planned((result as StoredTurn).id, t);
    if (method === 'retry' && (result as RetryResult).kind === 'retried') this.#opened(state, args[0] as string, t);
  }

  #accepted(name: string, t: number): void {
    if (!this.since.has(name)) this.since.set(name, t);
  }

  #planned(id: TurnId, t: number): void {
    if (!this.plannedAt.has(id)) this.plannedAt.set(id, t);
  }

  /** An operator wants it answered, whoever owned the conversation before. */
  #opened(state: State, id: string, t: number): void {
    const message = state.messages.get(jobOf(state, id)?.messageId as MessageId);
    if (message?.externalId) this.since.set(message.externalId, t);
  }
}
