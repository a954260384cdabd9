import type { TurnOf } from './part.ts';

/** The typing indicator of one turn: on at its start, kept alive, off at its end. It never delays or fails the turn. */
export class Typing {
  readonly #turnOf: TurnOf;
  readonly #done = new AbortController();
  #isShown = false;
  #last: Promise<void> = Promise.resolve();

  constructor(turnOf: TurnOf) {
    this.#turnOf = turnOf;
  }

  start(): void {
    const { policy, work } = this.#turnOf;
    if (!policy.channel.typing || !work.settings.typing.enabled) return;
    this.#isShown = true;
    void this.#keepAlive();
  }

  stop(): void {
    if (!this.#isShown) return;
    this.#done.abort();
    this.#show(false);
  }

  async #keepAlive(): Promise<void> {
    const { clock } = this.#turnOf.work.deps;
    while (!this.#done.signal.aborted) {
      this.#show(true);
      await clock.sleep(this.#turnOf.work.settings.typing.intervalMs, this.#done.signal).catch(() => undefined);
    }
  }

  /** In order: an `off` never overtakes the `on` before it. The channel counts its failures itself. */
  #show(on: boolean): void {
    const { policy, conversation, hold } = this.#turnOf;
    this.#last = this.#last.then(() => policy.channel.typing?.(conversation, on, hold.signal)).catch((error: unknown) => {
      this.#turnOf.work.deps.telemetry.log.debug({ err: error, conversationId: conversation.id }, 'typing indicator not shown');
    });
  }
}
