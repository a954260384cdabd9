import { isDeepStrictEqual } from 'node:util';
import type { ChannelConfig, OrgConfig } from './accounts.ts';
import type { Origins } from './layers.ts';
import type { Config } from './resolve.ts';
import { checkTogether } from './rules.ts';
import { SETTING_NAMES, TALK, fileKey } from './settings.ts';
import type { SettingKey, SettingName, Settings } from './settings.ts';

const TALK_NAMES = Object.keys(TALK) as (keyof typeof TALK)[];

/**
 * Settings that count from the moment they are read again; the others are those of the start until the next one. A name may stand here when
 * everybody who needs it asks `LiveConfig` each time, or is told (`src/app/reload.ts`).
 */
export const LIVE_SETTINGS: ReadonlySet<SettingName> = new Set<SettingName>([
  ...TALK_NAMES,
  'LOG_LEVEL',
  'SHUTDOWN_TIMEOUT_MS',
  'DRAIN_DELAY_MS',
  'USE_ASYNC_WEBHOOK',
  'HISTORY_MAX_MESSAGES',
  'WORKER_TYPING_ENABLED',
  'WORKER_TYPING_INTERVAL_MS',
  'LOCAL_QUEUE_CONCURRENCY',
  'WORKER_CONCURRENCY',
  'LOCAL_QUEUE_TIMEOUT_MS',
  'WORKER_PROCESSING_TIMEOUT_MS',
  'QUEUE_MAX_RETRIES',
  'QUEUE_RETRY_DELAY_MS',
  'QUEUE_MAX_CRASHES',
  'ORG_MAX_CONCURRENCY',
  'AUTOSCALE_MAX_CONCURRENCY',
  'AUTOSCALE_MAX_WAIT_MS',
  'SCALING_MIN_WORKERS',
  'SCALING_MAX_WORKERS',
  'SCALING_MAX_WAIT_MS',
  'SWEEP_INTERVAL_MS',
  'CATCH_UP_INTERVAL_MS',
  'DLQ_ALERT_THRESHOLD',
  'DLQ_CHECK_INTERVAL_MS',
  'RETENTION_BODIES_DAYS',
  'RETENTION_IDENTITIES_DAYS',
  'RETENTION_DEAD_LETTERS_DAYS',
  'SEND_MAX_TRIES',
  'SEND_PATIENCE_MS',
  'SEND_REQUEST_MS',
  'SEND_LANDING_MS',
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'OPENAI_MODEL',
  'MODEL_FIRST_CHUNK_MS',
  'MODEL_IDLE_MS',
  'MODEL_MAX_BYTES',
  'CHATWOOT_BASE_URL',
  'CHATWOOT_ACCOUNT_ID',
  'CHATWOOT_API_TOKEN',
  'CHATWOOT_WEBHOOK_SECRET',
  'CHATWOOT_READ_TOKEN',
  'CHATWOOT_INBOX_IDS',
]);

/** Something with an id, and the names of what is new about it. */
interface Changed {
  id: string;
  what: string[];
}

interface Difference {
  added: string[];
  removed: string[];
  changed: Changed[];
}

/** What another reading changes: names and ids only, so that it may be logged. */
export interface ConfigChange {
  /** Settings, handlers of jobs and stages of the table queue that are others from now on. */
  settings: string[];
  /** What was changed and stays as it was until a restart. */
  needsRestart: string[];
  orgs: Difference;
  channels: Difference;
}

const keyOf = (name: SettingName): SettingKey => fileKey(name) as SettingKey;

/** What counts once `next` was read while `running` runs: what is live of `next`, and the rest as it is. Throws ConfigError when the two do not go together. */
export function mergeLive(running: Config, next: Config): Config {
  const kept = SETTING_NAMES.filter((name) => !LIVE_SETTINGS.has(name)).map(keyOf);
  const settings = { ...next.settings, ...Object.fromEntries(kept.map((key) => [key, running.settings[key]])) } as Settings;
  const origins = { ...next.origins, ...Object.fromEntries(kept.map((key) => [key, running.origins[key]])) } as Origins;
  checkTogether(settings);
  return { ...next, settings, origins, legacyQueue: mergeQueue(running.legacyQueue, next.legacyQueue) };
}

/** Of the table queue only the types, with their stages, are live: the rest is what it is connected by. */
function mergeQueue(running: Config['legacyQueue'], next: Config['legacyQueue']): Config['legacyQueue'] {
  return running && next ? { ...running, types: next.types } : running;
}

const parts = (value: object): [string, unknown][] => Object.entries(value);

/** `responder` is one part: what it is made of is nobody's name. */
function partsOf({ connection, talk, origins: _origins, ...rest }: ChannelConfig): Map<string, unknown> {
  return new Map([...parts(connection), ...parts(talk), ...parts(rest)]);
}

const partsOfOrg = ({ channels: _channels, ...rest }: OrgConfig): Map<string, unknown> => new Map(parts(rest));

function changesOf(before: Map<string, unknown>, after: Map<string, unknown>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((name) => !isDeepStrictEqual(before.get(name), after.get(name)));
}

function difference<T extends { id: string }>(before: readonly T[], after: readonly T[], partsOfOne: (one: T) => Map<string, unknown>): Difference {
  const known = new Map(before.map((one) => [one.id, one]));
  const present = new Set(after.map(({ id }) => id));
  const changed = after.flatMap((one): Changed[] => {
    const old = known.get(one.id);
    const what = old ? changesOf(partsOfOne(old), partsOfOne(one)) : [];
    return what.length > 0 ? [{ id: one.id, what }] : [];
  });
  return { added: after.filter(({ id }) => !known.has(id)).map(({ id }) => id), removed: before.filter(({ id }) => !present.has(id)).map(({ id }) => id), changed };
}

const LIVE_OF_QUEUE = 'legacyQueue.types';

function comparedQueues(running: Config['legacyQueue'], next: Config['legacyQueue']): string[] {
  if (running && next) return changesOf(new Map(parts(running)), new Map(parts(next))).map((name) => `legacyQueue.${name}`);
  return running === next ? [] : ['legacyQueue'];
}

/** What is different in `next`, by name. */
export function compareConfigs(running: Config, next: Config): ConfigChange {
  const queue = comparedQueues(running.legacyQueue, next.legacyQueue);
  const jobs = changesOf(new Map(parts(running.jobs)), new Map(parts(next.jobs))).map((kind) => `jobs.${kind}`);
  const differing = SETTING_NAMES.filter((name) => !isDeepStrictEqual(running.settings[keyOf(name)], next.settings[keyOf(name)]));
  const channelsOf = (config: Config): ChannelConfig[] => config.orgs.flatMap((org) => org.channels);
  return {
    settings: [...differing.filter((name) => LIVE_SETTINGS.has(name)), ...jobs, ...queue.filter((name) => name === LIVE_OF_QUEUE)],
    needsRestart: [...differing.filter((name) => !LIVE_SETTINGS.has(name)), ...queue.filter((name) => name !== LIVE_OF_QUEUE)],
    orgs: difference(running.orgs, next.orgs, partsOfOrg),
    channels: difference(channelsOf(running), channelsOf(next), partsOf),
  };
}
