import type { Clock } from '../domain/clock.ts';
import type { EventRelay, Events, JobEvent } from '../ports/events.ts';
import type { Telemetry } from '../ports/telemetry.ts';

/** How long events are collected before they are sent to other processes, ms: so their transactions are few. */
const COLLECT_MS = 200;
/** Events sent at once; those beyond are dropped and counted. */
const MOST = 500;

/** The events of a process, and of those that work beside it. */
export interface ProcessEvents extends Events {
  /** Sends what was collected, and stops listening. */
  close(): Promise<void>;
}

class RelayedEvents implements ProcessEvents {
  readonly #deps: { relay: EventRelay | null; clock: Clock; telemetry: Telemetry };
  readonly #listeners = new Set<(event: JobEvent) => void>();
  readonly #closing = new AbortController();
  #outbox: JobEvent[] = [];
  #sending: Promise<void> | null = null;
  #hearing: AsyncDisposable | null = null;

  constructor(deps: { relay: EventRelay | null; clock: Clock; telemetry: Telemetry }) {
    this.#deps = deps;
  }

  emit(event: JobEvent): void {
    this.#tell(event);
    if (!this.#deps.relay || this.#closing.signal.aborted) return;
    if (this.#outbox.length >= MOST) return this.#deps.telemetry.meter.count('job_events_dropped_total');
    this.#outbox.push(event);
    this.#sending ??= this.#send();
  }

  /** Other processes are listened to from the first subscription on. */
  subscribe(listener: (event: JobEvent) => void): Disposable {
    const own = (event: JobEvent): void => listener(event);
    this.#listeners.add(own);
    this.#hearing ??= this.#deps.relay?.listen((event) => this.#tell(event)) ?? null;
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#sending;
    await this.#hearing?.[Symbol.asyncDispose]();
  }

  #tell(event: JobEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#deps.telemetry.log.error({ err: error, type: event.type }, 'a listener of job events failed');
      }
    }
  }

  async #send(): Promise<void> {
    const { relay, clock, telemetry } = this.#deps;
    while (this.#outbox.length > 0) {
      await clock.sleep(COLLECT_MS, this.#closing.signal).catch(() => undefined);
      const events = this.#outbox;
      this.#outbox = [];
      await relay?.send(events).catch((error: unknown) => {
        telemetry.meter.count('job_events_dropped_total', {}, events.length);
        telemetry.log.debug({ err: error, events: events.length }, 'job events could not be told to other processes');
      });
    }
    this.#sending = null;
  }
}

/** Job events, told to listeners in this process at once and to other processes in small batches. */
export function createEvents(deps: { relay: EventRelay | null; clock: Clock; telemetry: Telemetry }): ProcessEvents {
  return new RelayedEvents(deps);
}
