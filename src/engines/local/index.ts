import { setMaxListeners } from 'node:events';
import PQueue from 'p-queue';
import type { Clock } from '../../domain/clock.ts';
import { FairShare, type ShareRules } from '../../domain/fair-share.ts';
import type { LaneId } from '../../domain/ids.ts';
import type { Claimed } from '../../domain/lane.ts';
import type { Drain, Engine, EngineStats } from '../../ports/engine.ts';
import type { Mailbox } from '../../ports/mailbox.ts';
import type { Telemetry } from '../../ports/telemetry.ts';

export interface LocalEngineDeps {
  mailbox: Pick<Mailbox, 'claim'>;
  clock: Clock;
  telemetry: Telemetry;
}

export interface LocalEngineSettings {
  /** Names this process in the leases. */
  owner: string;
  /** Lanes drained at once, until {@link Engine.scale} says otherwise. */
  concurrency: number;
  /** Lanes taken by one claim at the most. */
  maxPerClaim: number;
  leaseMs: number;
  /** What each org is entitled to. Asked at each claim. */
  shares: () => ShareRules;
}

/** How soon to look again after the store failed, ms. */
const LOOK_AGAIN_MS = 1000;

/**
 * Claims straight from the store into a p-queue. Looks when it is woken, when a slot gets free, and when the store said that
 * the next lane will be due; so a lost wake-up costs a look, never a message.
 *
 * States: `idle` (before start, stopped) → `resting` (nothing to do until a wake-up or the alarm) ⇄ `looking` (a claim
 * is under way) ⇄ `look-again` (woken meanwhile).
 */
class LocalEngine implements Engine {
  readonly #deps: LocalEngineDeps;
  readonly #settings: LocalEngineSettings;
  readonly #queue: PQueue;
  readonly #work = new AbortController();
  readonly #share: FairShare;
  #drain: Drain | null = null;
  #state: 'idle' | 'resting' | 'looking' | 'look-again' = 'idle';
  #alarm = new AbortController();
  #look: Promise<number> = Promise.resolve(0);
  #ended = { succeeded: 0, failed: 0 };

  constructor(deps: LocalEngineDeps, settings: LocalEngineSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#share = new FairShare(settings.shares);
    this.#queue = new PQueue({ concurrency: settings.concurrency });
    setMaxListeners(0, this.#work.signal);
  }

  wake(_laneId: LaneId): void {
    void this.sweep();
  }

  start(drain: Drain): void {
    this.#drain = drain;
    this.#state = 'resting';
    void this.sweep();
  }

  scale(concurrency: number): void {
    this.#queue.concurrency = concurrency;
    void this.sweep();
  }

  /** Resolves with the lanes that this look took; 0 when another look was under way, which then looks once more. */
  async sweep(): Promise<number> {
    if (this.#state === 'looking') this.#state = 'look-again';
    if (this.#state !== 'resting') return 0;
    this.#state = 'looking';
    this.#look = this.#lookForWork();
    return this.#look;
  }

  stats(): EngineStats {
    return { mode: 'local', active: this.#queue.pending, concurrency: this.#queue.concurrency, ...this.#ended };
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#drain = null;
    this.#alarm.abort();
    await this.#look;
    this.#state = 'idle';
    await this.#idleWithin(deadlineMs);
    this.#work.abort(new DOMException('the process is stopping', 'AbortError'));
    await this.#queue.onIdle();
  }

  async #idleWithin(ms: number): Promise<void> {
    const done = new AbortController();
    const waited = this.#deps.clock.sleep(ms, done.signal).catch(() => undefined);
    await Promise.race([this.#queue.onIdle(), waited]);
    done.abort();
  }

  async #lookForWork(): Promise<number> {
    let taken = 0;
    let restMs: number | null = null;
    do {
      this.#state = 'looking';
      const look = await this.#claim();
      taken += look.taken;
      restMs = look.restMs;
    } while (this.#again() || restMs === 0);
    this.#state = 'resting';
    this.#setAlarm(restMs);
    return taken;
  }

  #again(): boolean {
    return this.#state === 'look-again';
  }

  #free(): number {
    if (!this.#drain) return 0;
    const free = this.#queue.concurrency - this.#queue.pending - this.#queue.size;
    return Math.min(free, this.#settings.maxPerClaim);
  }

  /** `restMs`: 0 look again at once, null until woken or a slot is free. */
  async #claim(): Promise<{ taken: number; restMs: number | null }> {
    const limit = this.#free();
    if (limit <= 0) return { taken: 0, restMs: null };
    const { owner, leaseMs } = this.#settings;
    try {
      const { claimed, nextInMs } = await this.#deps.mailbox.claim({ owner, limit, leaseMs, share: this.#share.request() });
      this.#share.took(claimed.map(({ lease }) => lease.orgId));
      for (const lane of claimed) this.#add(lane);
      return { taken: claimed.length, restMs: nextInMs };
    } catch (error) {
      this.#deps.telemetry.log.error({ err: error }, 'could not claim lanes');
      return { taken: 0, restMs: LOOK_AGAIN_MS };
    }
  }

  #add(lane: Claimed): void {
    const drain = this.#drain;
    if (!drain) return;
    void this.#queue.add(() => this.#run(drain, lane)).then(() => this.sweep());
  }

  async #run(drain: Drain, lane: Claimed): Promise<void> {
    try {
      await drain(lane, this.#work.signal);
      this.#ended.succeeded += 1;
    } catch (error) {
      this.#ended.failed += 1;
      this.#deps.telemetry.log.error({ err: error, laneId: lane.lease.laneId }, 'a lane was abandoned');
    }
  }

  #setAlarm(inMs: number | null): void {
    this.#alarm.abort();
    if (inMs === null || !this.#drain) return;
    this.#alarm = new AbortController();
    const { signal } = this.#alarm;
    this.#deps.clock.sleep(inMs, signal).then(
      () => void this.sweep(),
      () => undefined,
    );
  }
}

/** The engine that needs no service. */
export function createLocalEngine(deps: LocalEngineDeps, settings: LocalEngineSettings): Engine {
  return new LocalEngine(deps, settings);
}
