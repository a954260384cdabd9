import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ConfigError } from '../domain/errors.ts';

/** Chasqui's own code is never loaded twice, however the file names it. */
const OWN_CODE = new URL('..', import.meta.url).href;
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js', import.meta.url).href;

const MARK = 'chasqui-reading';

/** Files whose contents decide whether the file is evaluated again, with the hash of what was in them; `''`: not there. */
type Seen = Map<string, string>;

function hashOf(file: string): string {
  return existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('base64') : '';
}

/** Node remembers for ever where a symbolic link led, so it is followed here. */
const addressOf = (file: string, reading: number): string => `${pathToFileURL(realpathSync(file)).href}?${MARK}=${reading}`;

const isOurs = (url: string): boolean => url.startsWith('file:') && !url.startsWith(OWN_CODE) && !url.includes('/node_modules/');

/**
 * While it lives, `import { defineConfig } from 'chasqui'` works in a clone and in any folder, without an installed package, and what the config
 * file imports by a relative path is loaded in the same reading as the file itself. https://nodejs.org/api/module.html#moduleregisterhooksoptions
 */
function hookInto(reading: number, seen: Seen): Disposable {
  const see = (url: string): void => {
    const file = fileURLToPath(url);
    if (!seen.has(file)) seen.set(file, hashOf(file));
  };
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier === 'chasqui') return { url: ENTRY, shortCircuit: true };
      const parent = context.parentURL;
      if (!specifier.startsWith('.') || !parent?.endsWith(`?${MARK}=${reading}`)) return next(specifier, context);
      const meant = new URL(specifier, parent).href;
      if (!isOurs(meant)) return next(specifier, context);
      // Also one that is missing now: it is looked for again when it comes.
      see(meant);
      const file = fileURLToPath(meant);
      return existsSync(file) ? { url: addressOf(file, reading), shortCircuit: true } : next(specifier, context);
    },
  });
  return { [Symbol.dispose]: () => hooks.deregister() };
}

interface Reading {
  path: string;
  reading: number;
  withinMs: number;
  seen: Seen;
}

async function evaluate({ path, reading, withinMs, seen }: Reading): Promise<unknown> {
  using _hooks = hookInto(reading, seen);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`it did not finish loading within ${withinMs} ms`)), withinMs);
  try {
    const module = (await Promise.race([import(addressOf(path, reading)), late.promise])) as { default?: unknown };
    return module.default;
  } catch (error) {
    throw new ConfigError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Modules are never unloaded, so each evaluation in this process needs an address of its own. */
let readings = 0;

/**
 * A config file that can be read again, with what it imports by relative paths (not from `node_modules`, not CommonJS, not what its functions
 * import later). It is evaluated again only when one of these files has other contents: Node keeps every evaluated module until the process
 * ends, about 20 kB for each.
 */
export class ConfigModule {
  readonly #path: string;
  readonly #withinMs: number;
  #seen: Seen = new Map();
  #value: { value: unknown } | null = null;

  /** A file that has not finished loading after `withinMs` is given up. */
  constructor(path: string, withinMs: number) {
    this.#path = path;
    this.#withinMs = withinMs;
  }

  /** The default export. @throws ConfigError when the file cannot be evaluated. */
  async read(): Promise<unknown> {
    if (this.#value && [...this.#seen].every(([file, hash]) => hashOf(file) === hash)) return this.#value.value;
    this.#value = null;
    this.#seen = new Map([[this.#path, hashOf(this.#path)]]);
    readings += 1;
    const value = await evaluate({ path: this.#path, reading: readings, withinMs: this.#withinMs, seen: this.#seen });
    this.#value = { value };
    return value;
  }

  /** The file and what it imported at the last reading. */
  files(): string[] {
    return [...this.#seen.keys()];
  }
}
