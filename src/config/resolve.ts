import { readFileSync } from 'node:fs';
import { ConfigError } from '../domain/errors.ts';
import type { OrgConfig } from './accounts.ts';
import { resolveOrgs } from './accounts.ts';
import { fileSchema } from './file.ts';
import { resolveLegacyQueue } from './jobs.ts';
import type { Jobs, LegacyQueueConfig } from './jobs.ts';
import type { Origins, TextLayer } from './layers.ts';
import { resolveSettings } from './layers.ts';
import type { Origin } from './origin.ts';
import { fileProblems } from './problems.ts';
import { checkChannels, checkTogether, noticesFor } from './rules.ts';
import { secretReader } from './secrets.ts';
import type { Settings } from './settings.ts';

/** Everything that Chasqui was told, checked. */
export interface Config {
  readonly settings: Settings;
  readonly orgs: readonly OrgConfig[];
  /** What runs jobs of the user's own kinds. */
  readonly jobs: Jobs;
  readonly legacyQueue: LegacyQueueConfig | null;
  /** Where each setting came from. */
  readonly origins: Origins;
  /** What will work, though perhaps not as meant; logged at the start. */
  readonly notices: readonly string[];
  /** The config file, when there is one. */
  readonly file: string | null;
}

export interface Sources {
  /** Under the names of the environment: `{ PORT: '0' }`. */
  flags?: TextLayer;
  env?: TextLayer;
  /** What a config file exports. */
  file?: { name: string; value: unknown };
  /** Reads a file of a secret, as text. The file system by default. */
  readFile?: (path: string) => string;
}

const readText = (path: string): string => readFileSync(path, 'utf8');

function checkedFile(file: { name: string; value: unknown }) {
  const result = fileSchema.safeParse(file.value);
  if (result.success) return result.data;
  throw new ConfigError(fileProblems(result.error.issues, file).join('\n'));
}

/**
 * Makes the configuration from what was said where: flags > environment > file > default.
 *
 * @throws ConfigError naming the key, where it came from, and the fix.
 */
export function resolveConfig(sources: Sources = {}): Config {
  const { flags = {}, env = {}, file, readFile = readText } = sources;
  const { orgs = [], responder, locale, serviceHours, jobs = {}, legacyQueue, ...values } = file ? checkedFile(file) : {};
  const fileName = file?.name ?? '';
  const localeOrigin: Origin = locale === undefined ? { from: 'default' } : { from: 'file', name: fileName };
  const { settings, origins } = resolveSettings({ flags, env, file: { name: fileName, values } });
  checkTogether(settings);
  const secretOf = secretReader({ env, fileName, readFile });
  const resolved = resolveOrgs(orgs, { settings, origins, secretOf, fileName, locale: locale ?? 'en', localeOrigin, responder, serviceHours });
  checkChannels(settings, resolved);
  return {
    settings,
    origins,
    orgs: resolved,
    jobs,
    legacyQueue: resolveLegacyQueue(legacyQueue, { jobs, orgs: resolved, secretOf, fileName }),
    notices: noticesFor(settings, resolved),
    file: file?.name ?? null,
  };
}
