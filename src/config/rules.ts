import { ConfigError } from '../domain/errors.ts';
import type { OrgConfig } from './accounts.ts';
import type { Settings } from './settings.ts';

function refusals(s: Settings): (string | false)[] {
  return [
    s.appMode !== 'all' &&
      s.databaseUrl === undefined &&
      `APP_MODE=${s.appMode} splits intake from work over two processes, and needs a database that several processes can open. SQLite is held by one: use APP_MODE=all, or set DATABASE_URL.`,
    s.redisUrl !== undefined && !/^rediss?:\/\/./.test(s.redisUrl) && 'REDIS_URL must start with redis://, or with rediss:// for TLS.',
    !/^[\w.:-]{1,60}$/.test(s.redisKeyPrefix) &&
      'REDIS_KEY_PREFIX must be 1 to 60 letters, digits, "_", ".", ":" or "-", without braces and spaces: the braces that keep its keys together in a cluster are added.',
    s.queueName.includes(':') && `QUEUE_NAME (${s.queueName}) must be without colons, which separate the parts of a key in Redis.`,
    s.drainDelayMs >= s.shutdownTimeoutMs &&
      `DRAIN_DELAY_MS (${s.drainDelayMs}) leaves nothing of SHUTDOWN_TIMEOUT_MS (${s.shutdownTimeoutMs}) to stop in. Lower the first or raise the second.`,
    s.storeTimeoutMs >= s.laneLeaseMs &&
      `STORE_TIMEOUT_MS (${s.storeTimeoutMs}) must be shorter than LANE_LEASE_MS (${s.laneLeaseMs}): a lease could end before its renewal is known to have failed. Lower the first or raise the second.`,
    s.autoscaleMaxConcurrency !== 0 &&
      s.autoscaleMaxConcurrency < Math.max(s.localQueueConcurrency, s.workerConcurrency) &&
      `AUTOSCALE_MAX_CONCURRENCY (${s.autoscaleMaxConcurrency}) must not be less than LOCAL_QUEUE_CONCURRENCY (${s.localQueueConcurrency}) and WORKER_CONCURRENCY (${s.workerConcurrency}), from which it goes up. Raise the first, or set it to 0.`,
    s.scalingMaxWorkers < s.scalingMinWorkers &&
      `SCALING_MAX_WORKERS (${s.scalingMaxWorkers}) must not be less than SCALING_MIN_WORKERS (${s.scalingMinWorkers}). Raise the first or lower the second.`,
    s.retentionIdentitiesDays < s.retentionBodiesDays &&
      `RETENTION_IDENTITIES_DAYS (${s.retentionIdentitiesDays}) must not be less than RETENTION_BODIES_DAYS (${s.retentionBodiesDays}): identities outlive the texts.`,
  ];
}

/** Settings that each are fine, and together are not. */
export function checkTogether(settings: Settings): void {
  const problems = refusals(settings).filter((line) => line !== false);
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
}

/** The playground's platform is the process itself: a worker apart from it could show nothing there. */
export function checkChannels(s: Settings, orgs: readonly OrgConfig[]): void {
  const playground = orgs.some((org) => org.channels.some(({ connection }) => connection.kind === 'playground'));
  if (s.appMode === 'all' || !playground) return;
  throw new ConfigError(`APP_MODE=${s.appMode} cannot serve the playground, which lives in one process. Connect another channel (CHATWOOT_BASE_URL and its companions), or use APP_MODE=all.`);
}

/** What will work, though perhaps not as meant. */
export function noticesFor(s: Settings, orgs: readonly OrgConfig[]): string[] {
  const channels = orgs.flatMap((org) => org.channels);
  const notices = [
    channels.some(({ talk, serviceHours }) => talk.governorServiceHoursEnabled && !serviceHours) &&
      'GOVERNOR_SERVICE_HOURS_ENABLED is true, and some channels have no serviceHours in the config file: they are always open.',
    channels.some(({ talk, serviceHours }) => !talk.governorServiceHoursEnabled && serviceHours) &&
      'serviceHours are set, but GOVERNOR_SERVICE_HOURS_ENABLED is false: they do not count.',
    s.nodeEnv === 'production' && s.adminToken === undefined && 'ADMIN_TOKEN is not set: /admin and /v1 refuse every request in production.',
    s.workerProcessingTimeoutMs > s.localQueueTimeoutMs &&
      `WORKER_PROCESSING_TIMEOUT_MS (${s.workerProcessingTimeoutMs}) is longer than LOCAL_QUEUE_TIMEOUT_MS (${s.localQueueTimeoutMs}), which ends the attempt first.`,
    s.burstDebounceMs > s.burstMaxWaitMs && `BURST_DEBOUNCE_MS (${s.burstDebounceMs}) is longer than BURST_MAX_WAIT_MS (${s.burstMaxWaitMs}), which caps it.`,
    s.chatwootApiToken !== undefined && s.chatwootReadToken === undefined &&
      'CHATWOOT_READ_TOKEN is not set: messages missed while this was down are not caught up, and an ambiguous send can seldom be resolved.',
    s.openaiModel === undefined && (s.openaiApiKey !== undefined || s.openaiBaseUrl !== undefined) &&
      'OPENAI_MODEL is not set: the offline script answers. Set it to the name of a model to let the model answer.',
    s.openaiModel !== undefined && s.openaiApiKey === undefined && s.openaiBaseUrl === undefined &&
      'OPENAI_MODEL is set without OPENAI_API_KEY or OPENAI_BASE_URL: the offline script answers.',
  ];
  return notices.filter((line) => line !== false);
}
