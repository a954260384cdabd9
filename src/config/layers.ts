import { z } from 'zod';
import { ConfigError } from '../domain/errors.ts';
import { notesOf } from './field.ts';
import type { Origin } from './origin.ts';
import { describeOrigin } from './origin.ts';
import { SETTING_NAMES, fileKey, settingsSchema } from './settings.ts';
import type { SettingKey, Settings } from './settings.ts';

/** Environment variables, or flags under the same names. */
export type TextLayer = Readonly<Record<string, string | undefined>>;

/** Where each setting is looked for; the first that has it wins. */
export interface Layers {
  flags: TextLayer;
  env: TextLayer;
  /** Checked already. */
  file: { name: string; values: Partial<Record<SettingKey, unknown>> };
}

export type Origins = Record<SettingKey, Origin>;

const fieldOf = (key: SettingKey): z.ZodType => settingsSchema.shape[key];

function innermost(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? innermost(schema.unwrap() as z.ZodType) : schema;
}

const WORDS: Record<string, boolean> = { true: true, 1: true, yes: true, on: true, false: false, 0: false, no: false, off: false };

/** Environment text as the value that the schema checks; text that is neither number nor boolean stays, and is refused. */
export function fromText(schema: z.ZodType, text: string): unknown {
  const inner = innermost(schema);
  if (inner instanceof z.ZodBoolean) return WORDS[text.trim().toLowerCase()] ?? text;
  if (inner instanceof z.ZodNumber) return /^-?\d+$/.test(text.trim()) ? Number(text) : text;
  return text;
}

interface Found {
  value: unknown;
  origin: Origin;
}

const flagName = (name: string): string => `--${name.toLowerCase().replaceAll('_', '-')}`;

function find(name: string, key: SettingKey, layers: Layers): Found {
  const { flags, env, file } = layers;
  const schema = fieldOf(key);
  if (flags[name]) return { value: fromText(schema, flags[name]), origin: { from: 'flag', name: flagName(name) } };
  // An empty variable is what templates leave behind where nothing was set.
  if (env[name]) return { value: fromText(schema, env[name]), origin: { from: 'environment', name } };
  if (file.values[key] !== undefined) return { value: file.values[key], origin: { from: 'file', name: file.name } };
  return { value: undefined, origin: { from: 'default' } };
}

/** What may be given instead: the range, the choices, the default. */
function fixFor(name: string, schema: z.ZodType): string {
  const inner = innermost(schema);
  const example = schema instanceof z.ZodDefault ? ` The default is ${String(schema.def.defaultValue)}.` : '';
  if (inner instanceof z.ZodNumber) return `Set ${name} to a whole number from ${inner.minValue} to ${inner.maxValue}.${example}`;
  if (inner instanceof z.ZodBoolean) return `Set ${name} to true or false.${example}`;
  if (inner instanceof z.ZodEnum) return `Set ${name} to ${inner.options.join(', ')}.${example}`;
  return `Correct ${name}, or leave it out.${example}`;
}

function problem(name: string, key: SettingKey, found: Found & { message: string }): string {
  const schema = fieldOf(key);
  const shown = notesOf(schema).secret ? 'its value' : JSON.stringify(found.value);
  return `${name}: ${shown} (from ${describeOrigin(found.origin)}) ${found.message}. ${fixFor(name, schema)}`;
}

/**
 * Every setting with its value and origin.
 *
 * @throws ConfigError naming each key that cannot be used, where it came from, and the fix.
 */
export function resolveSettings(layers: Layers): { settings: Settings; origins: Origins } {
  const settings: Record<string, unknown> = {};
  const origins: Partial<Origins> = {};
  const problems: string[] = [];
  for (const name of SETTING_NAMES) {
    const key = fileKey(name) as SettingKey;
    const found = find(name, key, layers);
    const result = fieldOf(key).safeParse(found.value);
    if (!result.success) problems.push(problem(name, key, { ...found, message: result.error.issues[0]?.message ?? 'cannot be used' }));
    else settings[key] = result.data;
    origins[key] = found.origin;
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return { settings: withHost(settings as Settings, origins as Origins), origins: origins as Origins };
}

function withHost(settings: Settings, origins: Origins): Settings {
  if (origins.host.from !== 'default' || settings.nodeEnv !== 'production') return settings;
  return { ...settings, host: '0.0.0.0' };
}
