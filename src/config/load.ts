import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from '../domain/errors.ts';
import type { TextLayer } from './layers.ts';
import { ConfigModule } from './module.ts';
import type { Config } from './resolve.ts';
import { resolveConfig } from './resolve.ts';

const NAMES = ['chasqui.config.ts', 'chasqui.config.mjs', 'chasqui.config.js'];

export interface LoadOptions {
  /** Settings given on the command line, under their environment names. */
  flags?: TextLayer;
  /** Path of the config file; without it `chasqui.config.ts` in `folder` is used when it is there. */
  configPath?: string | undefined;
  env?: TextLayer;
  /** Where the config file is looked for; the current one by default. */
  folder?: string;
  /** How long the config file may take to load, ms. Default 10000. */
  withinMs?: number;
}

/** A configuration that can be read again. */
export interface ConfigSource {
  /** What was read first. */
  readonly config: Config;
  /**
   * Reads the files again. Flags and environment stay those of the start.
   *
   * @throws ConfigError naming the key, where it came from, and the fix; also when the file has gone.
   */
  read(): Promise<Config>;
  /** What another reading would look at: the config file, what it imports, and files of secrets. */
  files(): string[];
}

/** The file's name as it was asked for or found, and what it says. */
class FileReader {
  readonly #folder: string;
  readonly #asked: string | undefined;
  readonly #withinMs: number;
  #name: string | undefined;
  #module: ConfigModule | undefined;

  constructor({ folder = process.cwd(), configPath, withinMs = 10_000 }: LoadOptions) {
    this.#folder = folder;
    this.#asked = configPath;
    this.#withinMs = withinMs;
  }

  async read(): Promise<{ name: string; value: unknown } | undefined> {
    const name = this.#asked ?? NAMES.find((candidate) => existsSync(resolve(this.#folder, candidate)));
    if (name === undefined && this.#name !== undefined) throw new ConfigError(`${this.#name} has gone. Put it back, or restart to run without it.`);
    if (name === undefined) return undefined;
    const path = resolve(this.#folder, name);
    if (!existsSync(path)) throw new ConfigError(`--config ${name}: there is no such file.`);
    if (name !== this.#name) this.#module = new ConfigModule(path, this.#withinMs);
    this.#name = name;
    const value = await this.#module?.read();
    if (value === undefined) throw new ConfigError(`${name} has no default export. Write: export default defineConfig({ ... })`);
    return { name, value };
  }

  files(): string[] {
    return this.#module?.files() ?? NAMES.map((name) => resolve(this.#folder, name));
  }
}

/**
 * Reads the command line's settings, the environment and the config file, so that the file can be read again.
 *
 * @throws ConfigError naming the key, where it came from, and the fix.
 */
export async function openConfig(options: LoadOptions = {}): Promise<ConfigSource> {
  const { flags = {}, env = process.env } = options;
  const reader = new FileReader(options);
  const atStart = { ...env };
  const secretFiles = new Set<string>();
  function readFile(path: string): string {
    secretFiles.add(path);
    return readFileSync(path, 'utf8');
  }
  async function read(): Promise<Config> {
    const file = await reader.read();
    secretFiles.clear();
    return resolveConfig({ flags, env: atStart, readFile, ...(file && { file }) });
  }
  return { config: await read(), read, files: () => [...reader.files(), ...secretFiles] };
}

/** {@link openConfig}, once. */
export async function loadConfig(options: LoadOptions = {}): Promise<Config> {
  return (await openConfig(options)).config;
}

/** True when `npm start` runs this process: signals may then arrive more than once. */
export const isLaunched = (): boolean => process.env.CHASQUI_LAUNCHED === '1';
