import { setMaxListeners } from 'node:events';
import PQueue from 'p-queue';
import type { Clock } from '../../domain/clock.ts';
import { FairShare, type ShareRules } from '../../domain/fair-share.ts';
import type { LaneId } from '../../domain/ids.ts';
import type { Claimed } from '../../domain/lane.ts';
import type { Drain, DrivableEngine, EngineStats, Taken } from '../../ports/engine.ts';
import type { Mailbox } from '../../ports/mailbox.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { type DrawnPermits, Permits } from './permits.ts';

export interface LocalEngineDeps {
  mailbox: Pick<Mailbox, 'claim'>;
  clock: Clock;
  telemetry: Telemetry;
}

export interface LocalEngineSettings {
  /** Names this process in the leases. */
  owner: string;
  /** Lanes drained at once, until {@link DrivableEngine.scale} says otherwise. */
  concurrency: number;
  /** Lanes taken by one claim at the most. */
  maxPerClaim: number;
  leaseMs: number;
  /** What each org is entitled to. Asked at each claim. */
  shares: () => ShareRules;
}

/** How soon to look again after the store failed, ms. */
const LOOK_AGAIN_MS = 1000;
/** How long after a lane is due others may take to ask for it, ms. */
const LATE_MS = 1000;

/** What a claim gave. `restMs`: when to look again, 0 for at once, null until woken or a slot is free. `unasked`: there was no slot to fill. */
type Look = { kind: 'looked'; taken: number; restMs: number | null } | { kind: 'unasked' };

/**
 * Claims straight from the store into a p-queue. Looks when it is woken, when a slot gets free, and when the store said that
 * the next lane will be due; so a lost wake-up costs a look, never a message. Driven by others it fills its slots only on request.
 *
 * States: `idle` (before start, stopped) → `resting` (nothing to do until a wake-up or the alarm) ⇄ `looking` (a claim
 * is under way) ⇄ `look-again` (woken meanwhile).
 */
class LocalEngine implements DrivableEngine {
  readonly #deps: LocalEngineDeps;
  readonly #settings: LocalEngineSettings;
  readonly #queue: PQueue;
  readonly #work = new AbortController();
  readonly #share: FairShare;
  readonly #permits = new Permits();
  #drain: Drain | null = null;
  #state: 'idle' | 'resting' | 'looking' | 'look-again' = 'idle';
  /** `catch-up`: by others, but until nothing is left to take it fills free slots by itself. */
  #driver: 'itself' | 'others' | 'catch-up' = 'itself';
  #alarm = new AbortController();
  /** When the alarm rings, monotonic ms. */
  #alarmAt = Infinity;
  #look: Promise<number> = Promise.resolve(0);
  #ended = { succeeded: 0, failed: 0 };

  constructor(deps: LocalEngineDeps, settings: LocalEngineSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#share = new FairShare(settings.shares);
    this.#queue = new PQueue({ concurrency: settings.concurrency });
    setMaxListeners(0, this.#work.signal);
  }

  wake(_laneId: LaneId, inMs = 0): void {
    if (inMs <= 0) void this.sweep();
    else if (this.#state === 'resting') this.#ringBy(inMs);
    else void this.#lookSoon();
  }

  start(drain: Drain): void {
    this.#drain = drain;
    this.#state = 'resting';
    void this.sweep();
  }

  drive(by: 'itself' | 'others'): void {
    if (by === 'others') {
      if (this.#driver === 'itself') this.#driver = 'others';
    } else {
      this.#driver = by;
      void this.sweep();
    }
  }

  scale(concurrency: number): void {
    this.#queue.concurrency = concurrency;
    this.#slotFree();
  }

  /** Resolves with the lanes that this look took; 0 when another look was under way, which then looks once more. */
  async sweep(): Promise<number> {
    if (this.#driver === 'others') this.#driver = 'catch-up';
    return this.#lookSoon();
  }

  async take(preferred: LaneId): Promise<Taken> {
    return this.#queue.add(() => this.#serve(preferred)).finally(() => this.#slotFree());
  }

  stats(): EngineStats {
    return { mode: 'local', active: this.#queue.pending, concurrency: this.#queue.concurrency, ...this.#ended };
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#drain = null;
    this.#alarm.abort();
    await this.#look;
    this.#state = 'idle';
    this.#permits.draw().give([]);
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

  #slotFree(): void {
    if (this.#driver !== 'others') void this.#lookSoon();
  }

  async #lookSoon(): Promise<number> {
    if (this.#state === 'looking') this.#state = 'look-again';
    if (this.#state !== 'resting') return 0;
    this.#state = 'looking';
    this.#look = this.#lookForWork();
    return this.#look;
  }

  async #lookForWork(): Promise<number> {
    let taken = 0;
    let more = false;
    do {
      this.#state = 'looking';
      const look = await this.#claim();
      if (look.kind === 'looked') {
        taken += look.taken;
        this.#setAlarm(look.restMs);
      }
      more = look.kind === 'looked' && look.restMs === 0;
    } while (this.#again() || more);
    this.#state = 'resting';
    return taken;
  }

  #again(): boolean {
    return this.#state === 'look-again';
  }

  /** Slots that this engine may fill by itself. */
  #free(): number {
    if (this.#driver === 'others') return 0;
    const free = this.#queue.concurrency - this.#queue.pending - this.#queue.size;
    return Math.max(0, Math.min(free, this.#settings.maxPerClaim));
  }

  async #claim(): Promise<Look> {
    const permits = this.#permits.draw();
    const limit = this.#drain ? this.#free() + permits.size : 0;
    if (!this.#drain || limit === 0) {
      permits.give([]);
      return { kind: 'unasked' };
    }
    return this.#claimFor(permits, limit, this.#drain);
  }

  async #claimFor(permits: DrawnPermits, limit: number, drain: Drain): Promise<Look> {
    const { owner, leaseMs } = this.#settings;
    try {
      const { claimed, nextInMs } = await this.#deps.mailbox.claim({ owner, limit, leaseMs, share: this.#share.request() });
      this.#share.took(claimed.map(({ lease }) => lease.orgId));
      for (const lane of permits.give(claimed)) this.#add(drain, lane);
      if (nextInMs !== 0 && this.#driver === 'catch-up') this.#driver = 'others';
      return { kind: 'looked', taken: claimed.length, restMs: nextInMs };
    } catch (error) {
      permits.give([]);
      this.#deps.telemetry.log.error({ err: error }, 'could not claim lanes');
      return { kind: 'looked', taken: 0, restMs: LOOK_AGAIN_MS };
    }
  }

  #add(drain: Drain, lane: Claimed): void {
    void this.#queue.add(() => this.#run(drain, lane)).then(() => this.#slotFree());
  }

  async #serve(preferred: LaneId): Promise<Taken> {
    const drain = this.#drain;
    if (!drain) return { kind: 'stopping' };
    const waiting = this.#permits.wait(preferred);
    void this.#lookSoon();
    const lane = await waiting;
    if (!lane) return { kind: this.#drain ? 'nothing' : 'stopping' };
    await this.#run(drain, lane);
    return { kind: 'drained', laneId: lane.lease.laneId };
  }

  #isCapped(orgId: Claimed['lease']['orgId']): boolean {
    const { cap, orgs } = this.#settings.shares();
    return (orgs.get(orgId)?.cap ?? cap) > 0;
  }

  async #run(drain: Drain, lane: Claimed): Promise<void> {
    try {
      const { nextInMs } = await drain(lane, this.#work.signal);
      this.#ended.succeeded += 1;
      if (nextInMs !== null && nextInMs > 0) this.#ringBy(nextInMs);
    } catch (error) {
      this.#ended.failed += 1;
      this.#deps.telemetry.log.error({ err: error, laneId: lane.lease.laneId }, 'a lane was abandoned');
    }
    // The end of a lane may be what another one of a full org waits for, whose wake-up has found nothing and rests.
    if (this.#isCapped(lane.lease.orgId)) void this.sweep();
  }

  /** For a lane that is due later. Driven by others it rings late: by then the one who is to ask for the lane has asked, or will not. */
  #setAlarm(dueInMs: number | null): void {
    this.#alarm.abort();
    this.#alarmAt = Infinity;
    if (dueInMs === null || dueInMs === 0 || !this.#drain) return;
    const inMs = dueInMs + this.#lateMs();
    this.#alarm = new AbortController();
    this.#alarmAt = this.#deps.clock.monotonic() + inMs;
    this.#deps.clock.sleep(inMs, this.#alarm.signal).then(
      () => void this.#ring(),
      () => undefined,
    );
  }

  #lateMs(): number {
    return this.#driver === 'itself' ? 0 : LATE_MS;
  }

  /** A lane is due then. The alarm may ring earlier, for another. */
  #ringBy(dueInMs: number): void {
    if (this.#deps.clock.monotonic() + dueInMs + this.#lateMs() < this.#alarmAt) this.#setAlarm(dueInMs);
  }

  async #ring(): Promise<void> {
    if (this.#driver !== 'others') return void this.#lookSoon();
    if (this.#queue.pending >= this.#queue.concurrency) return;
    const rescued = await this.sweep();
    if (rescued > 0) this.#deps.telemetry.meter.count('rescued_wakeups_total', {}, rescued);
  }
}

/** The engine that needs no service. */
export function createLocalEngine(deps: LocalEngineDeps, settings: LocalEngineSettings): DrivableEngine {
  return new LocalEngine(deps, settings);
}
