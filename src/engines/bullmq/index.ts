import type { Clock } from '../../domain/clock.ts';
import type { LaneId } from '../../domain/ids.ts';
import type { EngineMode } from '../../ports/controls.ts';
import type { Drain, DrivableEngine, Engine, EngineStats } from '../../ports/engine.ts';
import type { Lanes } from '../../ports/lanes.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Link, LinkUser } from './link.ts';
import { serveWakeups } from './serve-wakeup.ts';
import type { Processor, Session } from './session.ts';
import { WakeQueue } from './wake-queue.ts';

export type { RedisAddress } from './connections.ts';
export type { Durability } from './durability.ts';
export { Link, type BreakerState, type LinkDeps } from './link.ts';
export type { SessionSettings } from './session.ts';
export { WakeQueue } from './wake-queue.ts';

export interface BullmqEngineDeps {
  local: DrivableEngine;
  lanes: Pick<Lanes, 'ready' | 'due'>;
  link: Link;
  clock: Clock;
  telemetry: Telemetry;
}

export interface BullmqEngineSettings {
  mode: EngineMode;
  /** Lanes drained at once, by where wake-ups come from. */
  concurrency: { bullmq: number; local: number };
}

/** An engine that follows what operators decide. */
export interface SteerableEngine extends Engine {
  /** Where wake-ups are to come from; {@link Engine.stats} says where they do. */
  readonly mode: EngineMode;
  /** Wake-ups that the sweeper made up for in the last minute. */
  readonly rescued: number;
  /** The store says that a lane got work: of use while Redis does not say so. */
  hear(laneId: LaneId): void;
  /** Lanes drained at once, by where wake-ups come from, until {@link Engine.scale} says otherwise. */
  resize(concurrency: BullmqEngineSettings['concurrency']): void;
  /** Where wake-ups are to come from, from now on. */
  steer(mode: EngineMode): Promise<void>;
  /** Gives the wake-ups in hand back to Redis and takes no more. Call it after {@link Engine.stop}; wake-ups can still be added. */
  leave(deadlineMs: number): Promise<void>;
}

/** The longest that a worker may take to connect, ms. */
const EMPLOY_MS = 3_000;
const MINUTE_MS = 60_000;
/** Lanes that one sweep looks at. */
const SIGHT = 1_000;

/**
 * Wake-ups through Redis, claims through the store. Redis says when and where to look; which lane is drained, and that nobody else does, the store decides, so a
 * wake-up that is lost or doubled costs time only. While Redis does not serve, the local engine drives itself.
 */
class BullmqEngine implements SteerableEngine, LinkUser {
  readonly #deps: BullmqEngineDeps;
  readonly #wakes: WakeQueue;
  readonly #serve: Processor;
  #concurrency: BullmqEngineSettings['concurrency'];
  #mode: EngineMode;
  #phase: 'idle' | 'working' | 'stopped' = 'idle';
  #rescues: { at: number; count: number }[] = [];
  #applied: Promise<void> = Promise.resolve();
  /** Lanes that the last sweep saw ready. */
  #seen: ReadonlySet<LaneId> = new Set();

  constructor(deps: BullmqEngineDeps, settings: BullmqEngineSettings) {
    const { link, clock, telemetry, local, lanes } = deps;
    this.#deps = deps;
    this.#mode = settings.mode;
    this.#concurrency = settings.concurrency;
    this.#wakes = new WakeQueue({ link, clock, telemetry, lost: () => void local.sweep() });
    this.#serve = serveWakeups({ local, lanes, clock, telemetry, wake: (laneId, inMs) => this.#wakes.add({ laneId, inMs, replaces: true }) });
    link.use(this);
  }

  get mode(): EngineMode {
    return this.#mode;
  }

  wake(laneId: LaneId, inMs = 0): void {
    if (this.#mode !== 'local') this.#wakes.add({ laneId, inMs, replaces: inMs <= 0 });
    if (!this.#isDriven) this.#deps.local.wake(laneId, inMs);
  }

  hear(laneId: LaneId): void {
    if (!this.#isDriven) this.#deps.local.wake(laneId);
  }

  start(drain: Drain): void {
    this.#phase = 'working';
    this.#deps.local.start(async (claimed, signal) => {
      const drained = await drain(claimed, signal);
      if (drained.nextInMs !== null && this.#mode !== 'local') this.#wakes.add({ laneId: claimed.lease.laneId, inMs: drained.nextInMs, replaces: true });
      return drained;
    });
    void this.#apply();
  }

  /** Driven by Redis, only lanes that were ready at the last sweep already are taken: their wake-ups had their time. */
  async sweep(): Promise<number> {
    const { local, lanes } = this.#deps;
    if (!this.#isDriven) return local.sweep();
    const { active, concurrency } = local.stats();
    if (active >= concurrency) return 0;
    const ready = await lanes.ready(SIGHT);
    const isStale = ready.some((laneId) => this.#seen.has(laneId));
    this.#seen = new Set(ready);
    return isStale ? this.#rescue() : 0;
  }

  scale(concurrency: number): void {
    this.resize({ bullmq: concurrency, local: concurrency });
  }

  resize(concurrency: BullmqEngineSettings['concurrency']): void {
    this.#concurrency = concurrency;
    void this.#apply();
  }

  stats(): EngineStats {
    return { ...this.#deps.local.stats(), mode: this.#served ? this.#mode : 'local' };
  }

  async steer(mode: EngineMode): Promise<void> {
    if (mode === this.#mode) return;
    this.#deps.telemetry.log.info({ from: this.#mode, to: mode }, `[RESILIENCE] the engine is ${mode} from now on`);
    this.#mode = mode;
    await this.#apply();
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#phase = 'stopped';
    void this.#deps.link.session?.rest();
    await this.#deps.local.stop(deadlineMs);
  }

  async leave(deadlineMs: number): Promise<void> {
    const { session } = this.#deps.link;
    if (session) await this.#within(deadlineMs, session, session.workNoMore());
  }

  up(): void {
    void this.#apply();
  }

  doubt(): void {
    this.#drive();
    if (this.#phase === 'working') void this.#deps.local.sweep();
  }

  /** How many wake-ups the sweeper made up for in the last minute. */
  get rescued(): number {
    const from = this.#deps.clock.monotonic() - MINUTE_MS;
    this.#rescues = this.#rescues.filter(({ at }) => at >= from);
    return this.#rescues.reduce((sum, { count }) => sum + count, 0);
  }

  async #rescue(): Promise<number> {
    const count = await this.#deps.local.sweep();
    this.#rescues.push({ at: this.#deps.clock.monotonic(), count });
    return count;
  }

  /** Redis serves, as it was asked to. */
  get #served(): boolean {
    return this.#mode !== 'local' && (this.#deps.link.session?.isWorking ?? false);
  }

  get #isDriven(): boolean {
    return this.#mode === 'bullmq' && this.#served && this.#deps.link.isTrusted;
  }

  /** Brings the worker in Redis and the local engine in line with what is wanted. One after the other, because each takes its time. */
  #apply(): Promise<void> {
    this.#applied = this.#applied.then(async () => {
      const { session } = this.#deps.link;
      if (session) await this.#employ(session).catch((error: unknown) => session.end(error as Error));
      this.#drive();
    });
    return this.#applied;
  }

  async #employ(session: Session): Promise<void> {
    const isWanted = this.#mode !== 'local' && this.#phase === 'working';
    if (isWanted && !session.isWorking) await this.#within(EMPLOY_MS, session, session.work(this.#serve, this.#concurrency.bullmq));
    if (!isWanted && this.#phase === 'working') await session.workNoMore();
    if (isWanted) await session.scale(this.#concurrency.bullmq);
  }

  /** What does not end in time ends the session, and the end of the session ends the wait. */
  async #within(ms: number, session: Session, promise: Promise<void>): Promise<void> {
    const done = new AbortController();
    const late = this.#deps.clock.sleep(ms, AbortSignal.any([done.signal, session.over])).then(
      () => session.end(new Error(`Redis did not do its part within ${ms} ms`)),
      () => undefined,
    );
    try {
      await Promise.race([promise, late]);
    } finally {
      done.abort();
    }
  }

  #drive(): void {
    const { local, telemetry } = this.#deps;
    const isDriven = this.#isDriven;
    telemetry.meter.gauge('degraded_mode', { name: 'redis_engine' }, this.#mode !== 'local' && !this.#served ? 1 : 0);
    if (this.#phase !== 'working') return;
    local.scale(isDriven ? this.#concurrency.bullmq : this.#concurrency.local);
    local.drive(isDriven ? 'others' : 'itself');
  }
}

/** An engine over a local one, with wake-ups through Redis whenever it serves. The link is started and stopped by whoever made it. */
export function createBullmqEngine(deps: BullmqEngineDeps, settings: BullmqEngineSettings): SteerableEngine {
  return new BullmqEngine(deps, settings);
}
