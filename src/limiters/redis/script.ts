import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RedisCommands } from './client.ts';

const isUnknown = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT');

/** A script beside this file, which Redis keeps by its digest until it forgets it (a restart, a failover, SCRIPT FLUSH). */
export class Script {
  readonly #text: string;
  readonly #digest: string;

  constructor(file: string) {
    this.#text = readFileSync(new URL(file, import.meta.url), 'utf8');
    this.#digest = createHash('sha1').update(this.#text).digest('hex');
  }

  async run(commands: RedisCommands, keys: readonly string[], args: readonly (string | number)[]): Promise<number[]> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return (await commands.send('EVALSHA', [this.#digest, ...rest])) as number[];
    } catch (error) {
      if (!isUnknown(error)) throw error;
      return (await commands.send('EVAL', [this.#text, ...rest])) as number[];
    }
  }
}
