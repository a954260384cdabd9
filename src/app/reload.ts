import { compareConfigs, mergeLive, signatureOf } from '../config/index.ts';
import type { Config, ConfigChange, ConfigSource } from '../config/index.ts';
import type { Clock } from '../domain/clock.ts';
import { ConfigError } from '../domain/errors.ts';
import type { Service } from '../ports/service.ts';
import type { Log } from '../ports/telemetry.ts';
import type { OwnedLiveConfig } from './live-config.ts';

/** Who asked: SIGHUP, a file that changed, an operator's request. */
export type ReloadTrigger = 'SIGHUP' | 'file' | 'request';

/** `refused`: nothing changed, because what was read cannot be used; `why` names the field and the fix. */
export type ReloadResult = { kind: 'unchanged' } | { kind: 'reloaded'; change: ConfigChange } | { kind: 'refused'; why: string };

export interface Reload {
  /** Reads the configuration again and lets count what can. Readings follow one another. Never rejects. */
  now(trigger: ReloadTrigger): Promise<ReloadResult>;
  /** Calls {@link Reload.now} when a file has changed and then stood still for a round. */
  readonly watch: Service;
  /** Names of settings that were read and wait for a restart. */
  needsRestart(): readonly string[];
  /** Why the last reading was refused; null when it was not. */
  refusal(): string | null;
}

/** Somebody who has to be told. */
export interface Follower {
  /** Makes what is new, or throws ConfigError, before anything counts. What it returns then puts it in place, and cannot fail. */
  prepare(next: Config): () => void;
}

interface ReloadDeps {
  source: ConfigSource;
  live: OwnedLiveConfig;
  followers: readonly Follower[];
  clock: Clock;
  log: Log;
}

/** How often the files are looked at, ms. */
const LOOK_MS = 1_000;

const isNothing = ({ settings, needsRestart, orgs, channels }: ConfigChange): boolean =>
  [settings, needsRestart, ...[orgs, channels].flatMap(({ added, removed, changed }) => [added, removed, changed])].every(({ length }) => length === 0);

function differenceText(kind: string, { added, removed, changed }: ConfigChange['channels']): string[] {
  return [
    ...(added.length > 0 ? [`${kind} added: ${added.join(', ')}`] : []),
    ...(removed.length > 0 ? [`${kind} removed: ${removed.join(', ')}`] : []),
    ...(changed.length > 0 ? [`${kind} changed: ${changed.map(({ id, what }) => `${id} (${what.join(', ')})`).join(', ')}`] : []),
  ];
}

/** Names only. */
function changeText({ settings, needsRestart, orgs, channels }: ConfigChange): string {
  const parts = [
    ...(settings.length > 0 ? [`now in force: ${settings.join(', ')}`] : []),
    ...differenceText('orgs', orgs),
    ...differenceText('channels', channels),
    ...(needsRestart.length > 0 ? [`after a restart only: ${needsRestart.join(', ')}`] : []),
  ];
  return parts.join('; ');
}

class Reloading implements Reload {
  readonly watch: Service;
  readonly #deps: ReloadDeps;
  #last: Promise<unknown> = Promise.resolve();
  #needsRestart: readonly string[] = [];
  #refusal: string | null = null;

  constructor(deps: ReloadDeps) {
    this.#deps = deps;
    this.watch = this.#watcher();
  }

  now(trigger: ReloadTrigger): Promise<ReloadResult> {
    const reading = this.#last.then(() => this.#read(trigger));
    this.#last = reading;
    return reading;
  }

  needsRestart(): readonly string[] {
    return this.#needsRestart;
  }

  refusal(): string | null {
    return this.#refusal;
  }

  async #read(trigger: ReloadTrigger): Promise<ReloadResult> {
    const { source, live, log } = this.#deps;
    try {
      return this.#adopt(trigger, await source.read());
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const isTold = trigger === 'file' && this.#refusal === why;
      this.#refusal = why;
      const cause = error instanceof ConfigError ? {} : { err: error };
      if (!isTold) log.error({ trigger, file: live.config.file, ...cause }, `[RESILIENCE] settings not reloaded, nothing changed: ${why}`);
      return { kind: 'refused', why };
    }
  }

  #adopt(trigger: ReloadTrigger, read: Config): ReloadResult {
    const { live, followers, log } = this.#deps;
    const running = live.config;
    const next = mergeLive(running, read);
    const ready = followers.map((follower) => follower.prepare(next));
    live.adopt(next);
    this.#refusal = null;
    // Before the log's level may change: whoever reads the log sees why it becomes silent.
    const result = this.#tell(trigger, compareConfigs(running, read));
    for (const notice of next.notices.filter((text) => !running.notices.includes(text))) log.warn({}, notice);
    for (const put of ready) put();
    return result;
  }

  #tell(trigger: ReloadTrigger, change: ConfigChange): ReloadResult {
    const { log } = this.#deps;
    const isKnown = change.needsRestart.join() === this.#needsRestart.join();
    this.#needsRestart = change.needsRestart;
    if (isNothing(isKnown ? { ...change, needsRestart: [] } : change)) {
      if (trigger !== 'file') log.info({ trigger }, '[RESILIENCE] settings read again: nothing changed');
      return { kind: 'unchanged' };
    }
    log.info({ trigger, ...change }, `[RESILIENCE] settings reloaded: ${changeText(change)}`);
    return { kind: 'reloaded', change };
  }

  #watcher(): Service {
    let read = '';
    let before = '';
    return {
      name: 'watch-config',
      intervalMs: LOOK_MS,
      runOnce: async () => {
        const now = await signatureOf(this.#deps.source.files());
        // Half-written is worse than late: it has to stand still for a round.
        const isStill = now === before || before === '';
        before = now;
        if (!isStill || now === read) return;
        await this.now('file');
        // Of before the reading: what was written during it is read once more.
        read = now;
      },
    };
  }
}

/** Lets another reading of the configuration count, without a restart, as far as it can. */
export function createReload(deps: ReloadDeps): Reload {
  return new Reloading(deps);
}
