import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigError } from '../domain/errors.ts';
import type { TextLayer } from './layers.ts';
import type { Config } from './resolve.ts';
import { resolveConfig } from './resolve.ts';

const NAMES = ['chasqui.config.ts', 'chasqui.config.mjs', 'chasqui.config.js'];

/** `import { defineConfig } from 'chasqui'` must work in a clone and in any folder, without an installed package. */
function resolveOwnName(): Disposable {
  const self = new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js', import.meta.url).href;
  const hooks = registerHooks({
    resolve: (specifier, context, next) => (specifier === 'chasqui' ? { url: self, shortCircuit: true } : next(specifier, context)),
  });
  return { [Symbol.dispose]: () => hooks.deregister() };
}

async function importFile(path: string): Promise<unknown> {
  using _name = resolveOwnName();
  try {
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown };
    return module.default;
  } catch (error) {
    throw new ConfigError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readFile(folder: string, asked: string | undefined): Promise<{ name: string; value: unknown } | undefined> {
  const name = asked ?? NAMES.find((candidate) => existsSync(resolve(folder, candidate)));
  if (name === undefined) return undefined;
  const path = resolve(folder, name);
  if (!existsSync(path)) throw new ConfigError(`--config ${name}: there is no such file.`);
  const value = await importFile(path);
  if (value === undefined) throw new ConfigError(`${name} has no default export. Write: export default defineConfig({ ... })`);
  return { name, value };
}

export interface LoadOptions {
  /** Settings given on the command line, under their environment names. */
  flags?: TextLayer;
  /** Path of the config file; without it `chasqui.config.ts` in `folder` is used when it is there. */
  configPath?: string | undefined;
  env?: TextLayer;
  /** Where the config file is looked for; the current one by default. */
  folder?: string;
}

/**
 * Reads the command line's settings, the environment and the config file.
 *
 * @throws ConfigError naming the key, where it came from, and the fix.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<Config> {
  const { flags = {}, env = process.env, folder = process.cwd(), configPath } = options;
  const file = await readFile(folder, configPath);
  return resolveConfig({ flags, env, ...(file && { file }) });
}

/** True when `npm start` runs this process: signals may then arrive more than once. */
export const isLaunched = (): boolean => process.env.CHASQUI_LAUNCHED === '1';
