import type { Clock, Random } from '../../domain/clock.ts';
import type { ProcessNote } from '../../ports/engine-watch.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Durability } from './durability.ts';
import { Session, type SessionSettings } from './session.ts';

export interface LinkDeps {
  clock: Clock;
  random: Random;
  telemetry: Telemetry;
  /** What this process tells of itself to the others. */
  note(): Omit<ProcessNote, 'process'>;
}

/** Whoever uses the link. */
export interface LinkUser {
  /** There is a session, new or out of doubt. It may end at any time. */
  up(session: Session): void;
  /** There is none any more, or Redis is in doubt: whatever it was told may be lost. */
  doubt(): void;
}

/** As breakers are called: `closed` it works, `open` it does not, `half_open` it is being tried. */
export type BreakerState = 'closed' | 'open' | 'half_open';

type State = { kind: 'stopped' } | { kind: 'open' } | { kind: 'half_open' } | { kind: 'closed'; session: Session; isDoubted: boolean };

/** How often a working Redis is asked, ms. */
const BEAT_MS = 500;
/** A process that left no note for so long is gone, ms. More than clocks of machines differ. */
const NOTE_MS = 15_000;
/** A session that ends sooner may end as soon again, ms. */
const SHORT_MS = 2_000;
/** How long one that failed is left alone before it is tried, ms: from this to twice this. */
const REST_MS = 500;

/**
 * A breaker that owns what it guards: closed, there is a session; open, there is none. It opens when a connection ends, or when Redis twice in a row does not
 * take a sign of life within its time (too slow, full, read-only); it closes when a new session takes one.
 */
export class Link {
  readonly #deps: LinkDeps;
  readonly #settings: SessionSettings;
  readonly #users: LinkUser[] = [];
  readonly #stopping = new AbortController();
  #state: State = { kind: 'stopped' };
  #loop: Promise<void> = Promise.resolve();
  #durability: Durability | null = null;
  #told: 'nothing' | 'up' | 'down' = 'nothing';

  constructor(deps: LinkDeps, settings: SessionSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  use(user: LinkUser): void {
    this.#users.push(user);
  }

  start(): void {
    if (this.#state.kind !== 'stopped' || this.#stopping.signal.aborted) return;
    this.#state = { kind: 'half_open' };
    this.#loop = this.#run();
  }

  get session(): Session | null {
    return this.#state.kind === 'closed' && !this.#state.session.over.aborted ? this.#state.session : null;
  }

  /** False while it is not known whether Redis still does what it was told. */
  get isTrusted(): boolean {
    return this.session !== null && this.#state.kind === 'closed' && !this.#state.isDoubted;
  }

  /** Somebody got no answer. The next sign of life decides. */
  doubt(): void {
    if (this.#state.kind === 'closed') this.#state.isDoubted = true;
    for (const user of this.#users) user.doubt();
  }

  get breaker(): BreakerState {
    if (this.#state.kind === 'stopped') return 'open';
    return this.#state.kind === 'closed' && !this.session ? 'open' : this.#state.kind;
  }

  /** As of the last time it was connected; null: never yet. */
  get durability(): Durability | null {
    return this.#durability;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    this.#state = { kind: 'stopped' };
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const startedAt = this.#deps.clock.monotonic();
      const session = await this.#try();
      if (session) await this.#watch(session);
      // One that worked for a while is tried again at once: most connections that end can be made anew.
      const lastedMs = this.#deps.clock.monotonic() - startedAt;
      if (!session || lastedMs < SHORT_MS) await this.#sleep(REST_MS * (1 + this.#deps.random()));
    }
  }

  /** Half-open: a session counts when it took a sign of life. */
  async #try(): Promise<Session | null> {
    this.#state = { kind: 'half_open' };
    const session = new Session(this.#settings);
    const stop = (): void => session.end(new Error('the link was stopped'));
    this.#stopping.signal.addEventListener('abort', stop);
    session.over.addEventListener('abort', () => this.#stopping.signal.removeEventListener('abort', stop), { once: true });
    try {
      this.#durability = await this.#inTime(session.connect());
      await this.#inTime(this.#leaveNote(session));
      session.over.throwIfAborted();
      this.#state = { kind: 'closed', session, isDoubted: false };
      this.#tellUp(this.#durability);
      for (const user of this.#users) user.up(session);
      return session;
    } catch (error) {
      session.end(error as Error);
      // What ended it first says more than what that led to.
      this.#open(session.over.reason as Error);
      return null;
    }
  }

  /** Closed: until the session is over. */
  async #watch(session: Session): Promise<void> {
    let missed = 0;
    while (!session.over.aborted) {
      // A missed beat is followed by the next at once.
      if (missed === 0) await this.#sleep(BEAT_MS, session.over);
      if (session.over.aborted) break;
      const error = await this.#beat(session);
      missed = error ? missed + 1 : 0;
      if (!error) this.#believe(session);
      else if (missed > 1) session.end(error);
      else this.doubt();
    }
    this.#open(session.over.reason as Error);
  }

  #leaveNote(session: Session): Promise<{ emptied: boolean }> {
    return session.beat(this.#deps.note(), this.#deps.clock.now());
  }

  /** Processes that left a note lately; null while Redis does not serve. */
  async processes(): Promise<ProcessNote[] | null> {
    const notes = await this.session?.notes(this.#deps.clock.now() - NOTE_MS);
    return (notes as ProcessNote[] | undefined) ?? null;
  }

  /** Null: it was taken. */
  async #beat(session: Session): Promise<Error | null> {
    try {
      const { emptied } = await this.#inTime(this.#leaveNote(session));
      if (emptied) {
        this.#deps.telemetry.log.warn({}, '[RESILIENCE] Redis was emptied: looking in the store for what the lost wake-ups were about');
        for (const user of this.#users) user.doubt();
      }
      return null;
    } catch (error) {
      return error as Error;
    }
  }

  #tellUp({ version, warnings }: Durability): void {
    const { log, meter } = this.#deps.telemetry;
    meter.gauge('breaker_open', { name: 'redis' }, 0);
    log.info({ version }, `[RESILIENCE] Redis answers${this.#told === 'down' ? ' again' : ''}: wake-ups go through it`);
    for (const warning of this.#told === 'nothing' ? warnings : []) log.warn({}, `[RESILIENCE] ${warning}`);
    this.#told = 'up';
  }

  /** Of the error only its words: the client's errors carry the command, and AUTH's argument is the password. */
  #open(error: Error): void {
    if (this.#stopping.signal.aborted) return;
    const { log, meter } = this.#deps.telemetry;
    this.#state = { kind: 'open' };
    meter.gauge('breaker_open', { name: 'redis' }, 1);
    if (this.#told !== 'down') log.warn({ reason: error.message }, '[RESILIENCE] Redis does not serve: wake-ups go through the store until it does');
    this.#told = 'down';
    for (const user of this.#users) user.doubt();
  }

  #believe(session: Session): void {
    if (this.#state.kind !== 'closed' || !this.#state.isDoubted) return;
    this.#state.isDoubted = false;
    for (const user of this.#users) user.up(session);
  }

  /** No answer ever leaves the loop waiting: not even the libraries' own deadlines are trusted with that. */
  async #inTime<T>(promise: Promise<T>): Promise<T> {
    const over = new AbortController();
    const ms = this.#settings.timeoutMs * 2;
    const late = this.#deps.clock.sleep(ms, over.signal).then(() => {
      throw new Error(`Redis did not answer within ${ms} ms`);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      over.abort();
      late.catch(() => undefined);
    }
  }

  async #sleep(ms: number, until: AbortSignal = this.#stopping.signal): Promise<void> {
    await this.#deps.clock.sleep(ms, AbortSignal.any([until, this.#stopping.signal])).catch(() => undefined);
  }
}
