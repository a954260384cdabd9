import type { Clock } from '../domain/clock.ts';
import { LeaseLost } from '../domain/errors.ts';
import type { Lease } from '../domain/lane.ts';
import type { Mailbox } from '../ports/mailbox.ts';
import type { Telemetry } from '../ports/telemetry.ts';

interface Held {
  lease: Lease;
  stop: AbortController;
}

/**
 * Renews the leases of all lanes in hand every third of their time, whatever their turns wait for. A lane whose renewal finds
 * another epoch is stopped at once; a renewal that fails otherwise is tried again a third later.
 */
export class Heartbeat {
  readonly #deps: { mailbox: Pick<Mailbox, 'renew'>; clock: Clock; telemetry: Telemetry };
  readonly #everyMs: number;
  readonly #held = new Set<Held>();
  #beating = false;

  constructor(deps: { mailbox: Pick<Mailbox, 'renew'>; clock: Clock; telemetry: Telemetry }, leaseMs: number) {
    this.#deps = deps;
    this.#everyMs = leaseMs / 3;
  }

  add(held: Held): void {
    this.#held.add(held);
    if (!this.#beating) void this.#beat();
  }

  remove(held: Held): void {
    this.#held.delete(held);
  }

  async #beat(): Promise<void> {
    this.#beating = true;
    while (this.#held.size > 0) {
      await this.#deps.clock.sleep(this.#everyMs);
      await Promise.all([...this.#held].map((held) => this.#renew(held)));
    }
    this.#beating = false;
  }

  async #renew(held: Held): Promise<void> {
    try {
      await this.#deps.mailbox.renew(held.lease);
    } catch (error) {
      if (!this.#held.has(held)) return;
      if (error instanceof LeaseLost) held.stop.abort(error);
      else this.#deps.telemetry.log.warn({ err: error, laneId: held.lease.laneId }, 'a lease could not be renewed');
    }
  }
}
