import { resolve } from 'node:path';
import { ConfigError } from '../domain/errors.ts';
import type { TextLayer } from './layers.ts';
import type { SecretEntry } from './orgs.ts';
import { pathText } from './problems.ts';

interface Places {
  env: TextLayer;
  fileName: string;
  readFile(path: string): string;
}

/** The secret that an entry holds or refers to; `at` is the entry's place. Throws ConfigError when it is not where the entry says. */
export type SecretReader = (entry: SecretEntry, at: PropertyKey[]) => string;

function fromEnvironment(name: string, place: string, env: TextLayer): string {
  const value = env[name];
  if (value) return value;
  throw new ConfigError(`${place} refers to the environment variable ${name}, which is not set. Set it, or name another.`);
}

/** Space around it, such as the newline at the end, is not part of it. */
function fromFile(name: string, place: string, { readFile }: Places): string {
  let text: string;
  try {
    text = readFile(resolve(name)).trim();
  } catch (error) {
    throw new ConfigError(`${place} refers to the file ${name}, which cannot be read (${(error as NodeJS.ErrnoException).code}). Make it readable, or name another.`);
  }
  if (text !== '') return text;
  throw new ConfigError(`${place} refers to the file ${name}, which is empty. Write the secret into it.`);
}

/** Reads what a config file says about its secrets. */
export function secretReader(places: Places): SecretReader {
  return (entry, at) => {
    if (typeof entry === 'string') return entry;
    const place = `${pathText(at)} (from ${places.fileName})`;
    return 'env' in entry ? fromEnvironment(entry.env, place, places.env) : fromFile(entry.file, place, places);
  };
}
