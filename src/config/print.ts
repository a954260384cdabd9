import type { ChannelConfig } from './accounts.ts';
import { notesOf } from './field.ts';
import { describeOrigin } from './origin.ts';
import type { Config } from './resolve.ts';
import { SETTING_NAMES, fileKey, settingsSchema } from './settings.ts';
import type { SettingKey } from './settings.ts';

export interface ConfigRow {
  /** Environment name of a setting, or the place of a value in the orgs. */
  name: string;
  /** Redacted where it is secret; null where it is not set. */
  value: string | number | boolean | null;
  origin: string;
}

const SECRET_KEYS = new Set(['apiToken', 'apiKey', 'webhookSecret', 'pathSecret', 'readToken']);
const redacted = (value: unknown): string | null => (value === null || value === undefined ? null : '[redacted]');

/** User names and passwords in an address are secrets. */
function withoutCredentials(value: unknown): ConfigRow['value'] {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.join(',');
  if (typeof value !== 'string') return value === null || value === undefined ? null : '[function]';
  return value.replace(/^(https?:\/\/)[^/@]+@/, '$1[redacted]@');
}

function settingRows(config: Config): ConfigRow[] {
  return SETTING_NAMES.map((name) => {
    const key = fileKey(name) as SettingKey;
    const value = config.settings[key];
    const isSecret = notesOf(settingsSchema.shape[key]).secret;
    return { name, value: isSecret ? redacted(value) : withoutCredentials(value), origin: describeOrigin(config.origins[key]) };
  });
}

function channelRows(channel: ChannelConfig): ConfigRow[] {
  const { connection, responder, talk, locale } = channel;
  const values = { ...nested('connection', connection), ...nested('responder', responder), ...talk, locale, serviceHours: hoursText(channel) };
  return Object.entries(values).map(([part, value]) => {
    const origin = channel.origins[part] ?? channel.origins[part.split('.')[0] as string] ?? { from: 'default' };
    const isSecret = SECRET_KEYS.has(part.split('.')[1] ?? '');
    return { name: `${channel.orgId}.${channel.id}.${part}`, value: isSecret ? redacted(value) : withoutCredentials(value), origin: describeOrigin(origin) };
  });
}

const hoursText = ({ serviceHours }: ChannelConfig): string | null => serviceHours && `${serviceHours.schedule.timeZone}, outside: ${serviceHours.policy}`;

const nested = (name: string, value: object): Record<string, unknown> => Object.fromEntries(Object.entries(value).map(([key, inner]) => [`${name}.${key}`, inner]));

function jobRows({ jobs, legacyQueue, file }: Config): ConfigRow[] {
  const origin = describeOrigin({ from: 'file', name: file ?? '' });
  const handlers = Object.keys(jobs).map((kind) => ({ name: `jobs.${kind}`, value: '[function]', origin }));
  if (!legacyQueue) return handlers;
  const { url, table, orgId, types } = legacyQueue;
  const values = { url: redacted(url), table, org: orgId, ...Object.fromEntries(Object.entries(types).map(([type, { kind, stage }]) => [`types.${type}`, `${kind}, ${stage}`])) };
  return [...handlers, ...Object.entries(values).map(([name, value]) => ({ name: `legacyQueue.${name}`, value, origin }))];
}

/** Every value with its origin, secrets redacted. */
export function explainConfig(config: Config): ConfigRow[] {
  const orgs = config.orgs.flatMap((org) => org.channels.flatMap((channel) => channelRows(channel)));
  return [...settingRows(config), ...orgs, ...jobRows(config)];
}

/** The rows as an aligned table. */
export function formatConfig(rows: ConfigRow[]): string {
  const cells = rows.map((row) => [row.name, row.value === null ? '-' : String(row.value), row.origin] as const);
  const [nameWidth, valueWidth] = [0, 1].map((column) => Math.max(...cells.map((cell) => (cell[column] as string).length))) as [number, number];
  return cells.map(([name, value, origin]) => `${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${origin}`).join('\n');
}
