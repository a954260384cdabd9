import { ConfigError } from '../../domain/errors.ts';

export interface ModelOptions {
  /** Where `/chat/completions` is found, such as `https://api.openai.com/v1`. */
  baseUrl: string;
  /** Sent as a bearer token. None: no `Authorization` header, as local servers like it. */
  apiKey?: string;
  /** The endpoint's name of the model. */
  model: string;
  /** The system prompt, sent as it is. Default: brief, and in the user's language. */
  system?: string;
  /** 0 to 2. Not sent by default: some models refuse it. */
  temperature?: number;
  /** The whole request, ms. Default 40,000, a little under the deadline of a turn. */
  totalMs?: number;
  /** From sending the request to the first text, ms. Default 15,000. */
  firstChunkMs?: number;
  /** The longest silence between two pieces of text, ms. Default 10,000. */
  idleMs?: number;
  /** The longest answer, UTF-8 bytes; a longer one is refused while it streams. Default 262,144. */
  maxBytes?: number;
  /** Sent as `max_tokens`. An answer that it cuts off is refused. Not sent by default: some models refuse it. */
  maxOutputTokens?: number;
}

const DEFAULTS = { totalMs: 40_000, firstChunkMs: 15_000, idleMs: 10_000, maxBytes: 262_144 };

const COUNTS = ['totalMs', 'firstChunkMs', 'idleMs', 'maxBytes', 'maxOutputTokens'] as const;

/** Timers take no more, ms. */
const LONGEST = 2 ** 31 - 1;

export type ModelSettings = ModelOptions & typeof DEFAULTS;

/** @throws ConfigError that names the option and the fix. Values are not repeated: a base URL may hold a password. */
export function withDefaults(options: ModelOptions): ModelSettings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as ModelOptions;
  const settings: ModelSettings = { ...DEFAULTS, ...given };
  checkBaseUrl(settings.baseUrl);
  if (settings.model.trim() === '') throw new ConfigError('model is empty; name a model of the endpoint');
  for (const name of COUNTS) checkCount(name, settings[name]);
  checkTemperature(settings.temperature);
  return settings;
}

function checkBaseUrl(baseUrl: string): void {
  const url = URL.parse(baseUrl);
  if (!url || !/^https?:$/.test(url.protocol)) throw new ConfigError('baseUrl is not an http(s) URL; give one like https://api.openai.com/v1');
  if (url.username || url.password) throw new ConfigError('baseUrl holds a user name or password; give the secret as apiKey');
}

function checkCount(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isInteger(value) && value > 0 && value <= LONGEST)) return;
  throw new ConfigError(`${name} must be a whole number from 1 to ${LONGEST}`);
}

function checkTemperature(value: number | undefined): void {
  if (value === undefined || (value >= 0 && value <= 2)) return;
  throw new ConfigError('temperature must be from 0 to 2');
}
