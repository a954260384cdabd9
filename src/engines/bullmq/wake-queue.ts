import type { Clock } from '../../domain/clock.ts';
import type { LaneId } from '../../domain/ids.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Link, LinkUser } from './link.ts';
import type { NewWakeup, Session } from './session.ts';

export interface WakeQueueDeps {
  link: Link;
  clock: Clock;
  telemetry: Telemetry;
  /** Wake-ups did not get through. */
  lost(): void;
}

/** Wake-ups sent at once at the most. */
const BATCH = 1_000;
/** Wake-ups that may wait for Redis. Beyond this the sweeper finds what they were about. */
const MAX_WAITING = 10_000;

/** When a lane is due, monotonic ms. */
interface Due {
  at: number;
  replaces: boolean;
}

/**
 * The way of wake-ups to Redis. While some are on their way, the next ones gather. Those for later that find Redis away are kept until it is back,
 * if their time has not come by then; the others are reported lost.
 */
export class WakeQueue implements LinkUser {
  readonly #deps: WakeQueueDeps;
  readonly #due = new Map<LaneId, Due>();
  #sending: Promise<void> | null = null;

  constructor(deps: WakeQueueDeps) {
    this.#deps = deps;
    deps.link.use(this);
  }

  add({ laneId, inMs, replaces }: NewWakeup): void {
    const { link, clock } = this.#deps;
    if (link.session || inMs > 0) this.#keep(laneId, { at: clock.monotonic() + inMs, replaces });
    if (link.session) this.#sending ??= this.#sendAll();
    else if (inMs <= 0) this.#deps.lost();
  }

  up(): void {
    const now = this.#deps.clock.monotonic();
    for (const [laneId, { at }] of this.#due) if (at <= now) this.#due.delete(laneId);
    this.#sending ??= this.#sendAll();
  }

  doubt(): void {}

  /** Resolves when nothing is on its way. */
  async settled(): Promise<void> {
    await this.#sending;
  }

  #keep(laneId: LaneId, { at, replaces }: Due): void {
    const before = this.#due.get(laneId);
    this.#due.set(laneId, { at: Math.min(at, before?.at ?? at), replaces: replaces || before?.replaces === true });
    if (this.#due.size <= MAX_WAITING) return;
    const [oldest] = this.#due.keys();
    if (oldest !== undefined) this.#due.delete(oldest);
  }

  async #sendAll(): Promise<void> {
    // What is woken in the same turn of the event loop goes together.
    await Promise.resolve();
    for (let session = this.#deps.link.session; session && this.#due.size > 0; session = this.#deps.link.session) {
      if (!(await this.#send(session))) break;
    }
    this.#sending = null;
  }

  async #send(session: Session): Promise<boolean> {
    const batch = [...this.#due].slice(0, BATCH);
    for (const [laneId] of batch) this.#due.delete(laneId);
    const now = this.#deps.clock.monotonic();
    try {
      await session.add(batch.map(([laneId, { at, replaces }]) => ({ laneId, inMs: Math.max(0, at - now), replaces })));
      return true;
    } catch (error) {
      for (const [laneId, due] of batch) if (due.at > now) this.#keep(laneId, due);
      this.#failed(session, error as Error);
      return false;
    }
  }

  /** Silence is judged by the link, which asks twice; a refusal is an answer. */
  #failed(session: Session, error: Error): void {
    this.#deps.telemetry.log.debug({ reason: error.message }, 'wake-ups did not get through to Redis');
    if (/timed out/i.test(error.message)) this.#deps.link.doubt();
    else session.end(error);
    this.#deps.lost();
  }
}
