import { setMaxListeners } from 'node:events';
import type { Clock } from '../../../src/domain/clock.ts';
import { ResponderError } from '../../../src/domain/errors.ts';
import type { Engine } from '../../../src/ports/engine.ts';
import type { Gate } from '../../../src/ports/gate.ts';
import type { Question, Answer } from '../../../src/ports/responder.ts';
import type { Telemetry } from '../../../src/ports/telemetry.ts';
import { createLocalEngine } from '../../../src/engines/local/index.ts';
import { portsOf } from '../../../src/stores/commands.ts';
import { createWork } from '../../../src/work/index.ts';
import type { TurnPolicy, WorkDeps, WorkSettings } from '../../../src/work/index.ts';
import { MAX_ATTEMPTS, MAX_CRASHES, MAX_TRIES, TTL_MS } from './settings.ts';
import type { World } from './world.ts';

const PUT_BACK_MS = 7_000;
const MODEL_MS = 2_000;
const SLOW_MS = 25_000;

const SETTINGS: WorkSettings = {
  leaseMs: TTL_MS, maxAttempts: MAX_ATTEMPTS, retryDelayMs: 1_000, maxCrashes: MAX_CRASHES, maxTries: MAX_TRIES, patienceMs: 0, attemptMs: 60_000, respondMs: 45_000,
  history: 10, typing: { enabled: false, intervalMs: 3_000 },
};

/** One process of the project: the real work code and the real local engine, on ports that may fail. */
export class Process {
  readonly name: string;
  readonly engine: Engine;
  isDead = false;
  frozenUntil = 0;
  /** Time this process did not see, for the mutation in which its clock stands still while it is frozen. */
  lostMs = 0;
  readonly #world: World;
  readonly #clock: Clock;

  constructor(world: World, name: string) {
    this.name = name;
    this.#world = world;
    this.#clock = this.#makeClock();
    const { mailbox, ledger, conversations } = portsOf((port, method, args) => world.store(this, port, method, args));
    const telemetry = telemetryOf(world, name);
    const deps: WorkDeps = {
      mailbox, ledger, conversations, clock: this.#clock, newId: world.newId, telemetry, handler: (kind) => (kind === 'note' ? async () => undefined : undefined),
      jobs: { progress: async () => {} }, events: { emit: () => {} },
      policy: () => this.#policy(), examine: async () => {}, turnEnded: () => {}, wake: (laneId) => world.wake(laneId),
    };
    const { slots = 1, orgCap = 0, mutation } = world.config;
    const shared = createWork(deps, SETTINGS);
    const work: typeof shared = mutation === 'quarantine' ? (claimed, signal) => createWork(deps, SETTINGS)(claimed, signal) : shared;
    this.engine = createLocalEngine({ mailbox, clock: this.#clock, telemetry }, { owner: name, concurrency: slots, maxPerClaim: 10, leaseMs: TTL_MS, shares: () => ({ cap: orgCap, orgs: new Map() }) });
    this.engine.start(work);
  }

  isBusy(): boolean {
    return this.engine.stats().active > 0;
  }

  #makeClock(): Clock {
    const world = this.#world;
    const { mutation } = world.config;
    return {
      now: () => world.now(),
      monotonic: () => (mutation === 'settleMono' ? world.now() : mutation === 'preSend' ? world.t - this.#frozenMs() : world.t),
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted) return reject(signal.reason as Error);
          if (signal) setMaxListeners(0, signal);
          const give = world.timer(this, ms, resolve);
          signal?.addEventListener('abort', () => { give(); reject(signal.reason as Error); });
        }),
    };
  }

  /** A clock that stands still while the process does: what it must not rely on. */
  #frozenMs(): number {
    if (this.frozenUntil > 0 && this.#world.t >= this.frozenUntil) {
      this.lostMs += 32_000;
      this.frozenUntil = 0;
    }
    return this.lostMs;
  }

  #policy(): TurnPolicy {
    return {
      channel: this.#world.platform.channelOf(this), responder: { name: 'model', respond: (question, signal) => this.#respond(question, signal) },
      strategy: this.#world.config.strategy ?? 'coalesce', debounceMs: this.#world.config.debounceMs ?? 0, debounceMaxMs: 4_000, locale: 'en', onLoop: 'answer', askGate: this.#gate('ask'), sendGate: this.#gate('send'),
    };
  }

  #gate(name: string): Gate {
    const world = this.#world;
    const isShut = (): boolean => world.config.gates === true && world.choose(`${this.name}.${name} gate`, ['go', 'wait']) === 'wait';
    return { name, shutMs: () => 0, enter: async () => (isShut() ? { kind: 'wait', ms: PUT_BACK_MS, why: 'open' } : { kind: 'go', pass: { leave: () => undefined } }) };
  }

  async #respond(question: Question, signal: AbortSignal): Promise<Answer> {
    const world = this.#world;
    const names = question.messages.map((message) => message.externalId);
    const poison = names.map((name) => world.poison.get(name)).find((each) => each === 'fail' || each === 'crash');
    if (poison) for (const name of names) world.facts.genuine.set(name, (world.facts.genuine.get(name) ?? 0) + 1);
    if (poison === 'crash') return this.dieNow('answering a poisonous message');
    const alternatives = ['ok', ...(world.has('model') ? ['fail', 'slow'] : []), ...(world.config.term ? ['term'] : [])];
    const what = poison ? 'fail' : world.choose(`${this.name}.model`, alternatives);
    if (what === 'fail' && !poison) world.fault();
    if (what === 'term') world.term(this);
    world.log(this.name, 'model', names.join('+'), what);
    await this.#clock.sleep(what === 'slow' || world.config.slowModel ? SLOW_MS : MODEL_MS, signal);
    if (what === 'fail') throw new ResponderError('model_down', 'injected', { retryAfterMs: world.config.retryAfterMs });
    return { text: names.join('+') };
  }

  /** The rest of this process never happens. */
  dieNow(why: string): Promise<never> {
    this.#world.kill(this, why);
    return new Promise(() => {});
  }
}

function telemetryOf(world: World, name: string): Telemetry {
  const line = (level: string) => (fields: object, message: string) => {
    if (level !== 'debug') world.log(name, `[${level}]`, message, 'err' in fields && fields.err instanceof Error ? fields.err.message : '');
  };
  const log: Telemetry['log'] = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error'), child: () => log };
  return { log, meter: { count: () => {}, observe: () => {}, gauge: () => {} } };
}
