import { ConfigError } from '../domain/errors.ts';
import { ACTION_LIMITS, type ActionLimits } from '../domain/action.ts';
import type { ChannelId, OrgId } from '../domain/ids.ts';
import { hoursOf } from './hours.ts';
import type { HoursConfig, HoursEntry } from './hours.ts';
import type { Origins } from './layers.ts';
import type { Origin } from './origin.ts';
import type { ChannelEntry, OrgEntry, ResponderEntry, RespondFunction, SecretEntry } from './orgs.ts';
import { pathText } from './problems.ts';
import type { SecretReader } from './secrets.ts';
import type { Settings, TalkSettings } from './settings.ts';
import { talkSchema } from './settings.ts';

/** How a channel connects to its platform. */
export type Connection =
  | {
      kind: 'chatwoot';
      baseUrl: string;
      accountId: string;
      apiToken: string;
      webhookSecret: string | null;
      pathSecret: string | null;
      readToken: string | null;
      inboxIds: number[] | null;
      toleranceMs?: number;
      maxPartLength?: number;
    }
  | { kind: 'playground'; public: boolean };

/** Who answers. */
export type ResponderConfig =
  | { kind: 'script' }
  | { kind: 'model'; model: string; baseUrl: string; apiKey: string | null; system: string | null }
  | { kind: 'function'; name: string; respond: RespondFunction };

/** One connected platform account, with everything it inherits. */
export interface ChannelConfig {
  id: ChannelId;
  orgId: OrgId;
  locale: string;
  connection: Connection;
  responder: ResponderConfig;
  /** Null: always open. */
  serviceHours: HoursConfig | null;
  talk: TalkSettings;
  /** Where each of these came from: `locale`, `connection.apiToken`, `responder`, `burstDebounceMs`... */
  origins: Record<string, Origin>;
}

export interface OrgConfig {
  id: OrgId;
  /** Turns for each turn of an org of weight 1, while both have messages waiting. More than 0. */
  weight: number;
  /** Turns at once, over all processes; 0: no cap. */
  maxConcurrency: number;
  /** Actions per minute, over all processes. */
  limits: ActionLimits;
  channels: ChannelConfig[];
}

interface Above {
  settings: Settings;
  origins: Origins;
  secretOf: SecretReader;
  fileName: string;
  locale: string;
  localeOrigin: Origin;
  responder: ResponderEntry | undefined;
  serviceHours: HoursEntry | undefined;
}

/** The credentials' org is said by the settings; the playground's by nobody. */
const environmentOrigin = (above: Above): Origin => above.origins.chatwootBaseUrl;

const OPENAI_URL = 'https://api.openai.com/v1';
const prefixed = (prefix: string, id: string): string => (id.startsWith(prefix) ? id : prefix + id);

function connectionOf(entry: ChannelEntry, at: PropertyKey[], above: Above): Connection {
  if (entry.kind === 'playground') return { kind: 'playground', public: entry.public };
  const optional = (secret: SecretEntry | undefined, key: string) => (secret === undefined ? null : above.secretOf(secret, [...at, key]));
  const connection = {
    kind: 'chatwoot' as const,
    baseUrl: entry.baseUrl,
    accountId: entry.accountId,
    apiToken: above.secretOf(entry.apiToken, [...at, 'apiToken']),
    webhookSecret: optional(entry.webhookSecret, 'webhookSecret'),
    pathSecret: optional(entry.pathSecret, 'pathSecret'),
    readToken: optional(entry.readToken, 'readToken'),
    inboxIds: entry.inboxIds ?? null,
    ...(entry.toleranceMs !== undefined && { toleranceMs: entry.toleranceMs }),
    ...(entry.maxPartLength !== undefined && { maxPartLength: entry.maxPartLength }),
  };
  if (connection.webhookSecret ?? connection.pathSecret) return connection;
  throw new ConfigError(`${pathText(at)} (from ${above.fileName}) has neither webhookSecret nor pathSecret: anybody could post to it. Set webhookSecret to the secret of the agent bot.`);
}

function responderOf(entry: ResponderEntry | undefined, at: PropertyKey[], above: Above): ResponderConfig {
  const { openaiApiKey, openaiBaseUrl, openaiModel } = above.settings;
  if (entry === undefined) {
    const hasModel = openaiModel !== undefined && (openaiApiKey ?? openaiBaseUrl) !== undefined;
    return hasModel ? responderOf({ kind: 'model', model: openaiModel }, at, above) : { kind: 'script' };
  }
  if (entry.kind !== 'model') return entry;
  const own = entry.apiKey === undefined ? null : above.secretOf(entry.apiKey, [...at, 'responder', 'apiKey']);
  // The key of the environment belongs to the address of the environment: it must not be sent to another one.
  const shared = entry.baseUrl === undefined ? openaiApiKey : undefined;
  return {
    kind: 'model',
    model: entry.model,
    baseUrl: entry.baseUrl ?? openaiBaseUrl ?? OPENAI_URL,
    apiKey: own ?? shared ?? null,
    system: entry.system ?? null,
  };
}

const TALK_KEYS = Object.keys(talkSchema.shape) as (keyof TalkSettings)[];

/**
 * The nearest layer that says something wins: channel, org, then the process. A flag or environment variable is about
 * the process's own value, so an org that says otherwise is right about itself.
 */
function talkOf(channel: Partial<TalkSettings>, org: Partial<TalkSettings>, settings: Settings): TalkSettings {
  return Object.fromEntries(TALK_KEYS.map((key) => [key, channel[key] ?? org[key] ?? settings[key]])) as unknown as TalkSettings;
}

const ENVIRONMENT_ORG: PropertyKey[] = [];

function originOfValue(value: unknown, own: Origin): Origin {
  if (typeof value !== 'object' || value === null) return own;
  if ('env' in value) return { from: 'environment', name: String(value.env) };
  return 'file' in value ? { from: 'file', name: String(value.file) } : own;
}

function responderKeyOrigin(responder: Extract<ResponderEntry, { kind: 'model' }>, above: Above, file: Origin): Origin {
  return responder.apiKey === undefined ? above.origins.openaiApiKey : originOfValue(responder.apiKey, file);
}

/** Where the values of one channel came from: the layer that said each of them. */
function originsOf(channel: ChannelEntry, org: OrgEntry, { above, own }: { above: Above; own: Origin }): Record<string, Origin> {
  const said = (key: keyof TalkSettings | 'locale' | 'responder') => channel[key] !== undefined || org[key] !== undefined;
  const file: Origin = { from: 'file', name: above.fileName };
  const { kind: _kind, id: _id, locale: _locale, responder: _responder, serviceHours: _hours, ...rest } = channel;
  const connection = Object.entries(rest).filter(([key]) => !(TALK_KEYS as string[]).includes(key));
  const responder = channel.responder ?? org.responder ?? above.responder;
  const key: Record<string, Origin> = responder?.kind === 'model' ? { 'responder.apiKey': responderKeyOrigin(responder, above, file) } : {};
  return {
    'connection.kind': own,
    ...Object.fromEntries(connection.map(([name, value]) => [`connection.${name}`, originOfValue(value, own)])),
    responder: responder ? file : above.origins.openaiModel,
    serviceHours: (channel.serviceHours ?? org.serviceHours ?? above.serviceHours) ? file : { from: 'default' },
    ...key,
    ...Object.fromEntries(TALK_KEYS.map((name) => [name, said(name) ? own : above.origins[name]])),
    locale: said('locale') ? own : above.localeOrigin,
  };
}

function orgOf(org: OrgEntry, at: PropertyKey[], above: Above): OrgConfig {
  const own: Origin = at === ENVIRONMENT_ORG ? environmentOrigin(above) : { from: 'file', name: above.fileName };
  const id = prefixed('org_', org.id) as OrgId;
  const channels = org.channels.map((channel, index): ChannelConfig => {
    const here = [...at, 'channels', index];
    const responder = channel.responder ?? org.responder ?? above.responder;
    const owner = channel.responder ? here : org.responder ? at : [];
    const hours = channel.serviceHours ?? org.serviceHours ?? above.serviceHours;
    return {
      id: prefixed('chn_', channel.id) as ChannelId,
      orgId: id,
      locale: channel.locale ?? org.locale ?? above.locale,
      connection: connectionOf(channel, here, above),
      responder: responderOf(responder, owner, above),
      serviceHours: hours ? hoursOf(hours) : null,
      talk: talkOf(channel, org, above.settings),
      origins: originsOf(channel, org, { above, own }),
    };
  });
  return { id, weight: org.weight, maxConcurrency: org.maxConcurrency ?? above.settings.orgMaxConcurrency, limits: { ...ACTION_LIMITS, ...org.limits }, channels };
}

const CHATWOOT = ['chatwootBaseUrl', 'chatwootAccountId', 'chatwootApiToken', 'chatwootWebhookSecret'] as const;
const CHATWOOT_NAMES = { chatwootBaseUrl: 'CHATWOOT_BASE_URL', chatwootAccountId: 'CHATWOOT_ACCOUNT_ID', chatwootApiToken: 'CHATWOOT_API_TOKEN', chatwootWebhookSecret: 'CHATWOOT_WEBHOOK_SECRET' };

/** The channel that the environment's credentials describe, if they do. */
function chatwootFromSettings(s: Settings): ChannelEntry | null {
  const missing = CHATWOOT.filter((key) => s[key] === undefined).map((key) => CHATWOOT_NAMES[key]);
  if (missing.length === CHATWOOT.length) return null;
  if (missing.length > 0) throw new ConfigError(`Chatwoot is set up only in part: ${missing.join(', ')} missing. Set all of ${Object.values(CHATWOOT_NAMES).join(', ')}, or none.`);
  if (!/^[1-9][0-9]*$/.test(s.chatwootAccountId ?? '')) throw new ConfigError('CHATWOOT_ACCOUNT_ID must be the number of the account, as in the address of its pages: /app/accounts/1.');
  return {
    kind: 'chatwoot',
    id: 'chatwoot',
    baseUrl: s.chatwootBaseUrl as string,
    accountId: s.chatwootAccountId as string,
    apiToken: s.chatwootApiToken as string,
    webhookSecret: s.chatwootWebhookSecret as string,
    readToken: s.chatwootReadToken,
    inboxIds: s.chatwootInboxIds,
  };
}

function refuseRepeated(orgs: OrgConfig[]): void {
  const ids = orgs.flatMap((org) => [org.id as string, ...org.channels.map((channel) => channel.id as string)]);
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  if (repeated) throw new ConfigError(`The id ${repeated} is used twice. Ids of orgs, and of channels among all orgs, must differ: rename one.`);
}

/**
 * Every org with its channels. Credentials in the environment make `org_default`; with neither those nor a file, it
 * gets the playground.
 *
 * @throws ConfigError for a secret that is not set, credentials in part, or an id used twice.
 */
export function resolveOrgs(entries: OrgEntry[], above: Above): OrgConfig[] {
  const orgs = entries.map((org, index) => orgOf(org, ['orgs', index], above));
  const chatwoot = chatwootFromSettings(above.settings);
  if (chatwoot) orgs.unshift(orgOf({ id: 'default', weight: 1, limits: {}, channels: [chatwoot] }, ENVIRONMENT_ORG, above));
  if (orgs.length === 0) orgs.push(orgOf({ id: 'default', weight: 1, limits: {}, channels: [{ kind: 'playground', id: 'playground', public: false }] }, ENVIRONMENT_ORG, above));
  refuseRepeated(orgs);
  return orgs;
}
