import type { Clock } from '../domain/clock.ts';
import type { Log } from '../ports/telemetry.ts';

/** One thing to stop. Higher priorities stop first. */
export interface ShutdownHandler {
  name: string;
  priority: number;
  /** Must be over within `budgetMs`, by force if need be. */
  stop(budgetMs: number): Promise<void>;
}

export type Phase = 'starting' | 'ready' | 'draining';

/** How a stop ended. `forced`: something failed or did not end in its time. */
export type StopResult = 'clean' | 'forced';

export interface Lifecycle {
  phase(): Phase;
  readonly initialized: boolean;
  /** In the order of the stop. */
  readonly handlers: readonly { name: string; priority: number }[];
  add(handler: ShutdownHandler): void;
  ready(): void;
  /** Drains, waits, then stops every handler in its order. Asked for again, it returns the same promise. */
  stop(times: { drainDelayMs: number; timeoutMs: number }): Promise<StopResult>;
}

/** The part of what is left of the time that a phase keeps for each one after it. */
const KEPT_FOR_LATER = 0.15;

/** Stops one handler within its budget and logs how long that took. */
async function stopOne(handler: ShutdownHandler, budgetMs: number, { clock, log }: { clock: Clock; log: Log }): Promise<boolean> {
  const startedAt = clock.monotonic();
  const over = new AbortController();
  const late = clock.sleep(budgetMs, over.signal).then(
    () => 'late' as const,
    () => 'done' as const,
  );
  const { name, priority } = handler;
  try {
    const outcome = await Promise.race([handler.stop(budgetMs).then(() => 'done' as const), late]);
    const line = { name, priority, durationMs: Math.round(clock.monotonic() - startedAt) };
    if (outcome === 'late') log.error(line, `[RESILIENCE] ${name} did not stop within ${Math.round(budgetMs)} ms`);
    else log.info(line, `[RESILIENCE] stopped ${name} in ${line.durationMs} ms`);
    return outcome === 'done';
  } catch (error) {
    log.error({ name, priority, durationMs: Math.round(clock.monotonic() - startedAt), err: error }, `[RESILIENCE] stopping ${name} failed`);
    return false;
  } finally {
    over.abort();
  }
}

/** The life of a process: starting, ready, draining; and its ordered end. */
export function createLifecycle(deps: { clock: Clock; log: Log }): Lifecycle {
  const { clock, log } = deps;
  const handlers: ShutdownHandler[] = [];
  let phase: Phase = 'starting';
  let initialized = false;
  let stopping: Promise<StopResult> | null = null;

  async function drain(times: { drainDelayMs: number; timeoutMs: number }): Promise<StopResult> {
    const endsAt = clock.monotonic() + times.timeoutMs;
    phase = 'draining';
    log.info({ drainDelayMs: times.drainDelayMs }, '[RESILIENCE] draining: /readyz answers 503');
    if (times.drainDelayMs > 0) await clock.sleep(times.drainDelayMs);
    let result: StopResult = 'clean';
    for (const [index, handler] of handlers.entries()) {
      const left = Math.max(0, endsAt - clock.monotonic());
      const isStopped = await stopOne(handler, left * (1 - KEPT_FOR_LATER * (handlers.length - 1 - index)), deps);
      if (!isStopped) result = 'forced';
    }
    log.info({ result }, '[RESILIENCE] stopped');
    return result;
  }

  return {
    phase: () => phase,
    get initialized() {
      return initialized;
    },
    handlers,
    add(handler) {
      handlers.push(handler);
      handlers.sort((a, b) => b.priority - a.priority);
    },
    ready() {
      initialized = true;
      if (phase === 'starting') phase = 'ready';
    },
    stop: (times) => (stopping ??= drain(times)),
  };
}
