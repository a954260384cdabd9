import type { Command } from 'commander';
import type { LoadOptions } from '../config/index.ts';

/** The settings that have flags of their own; every setting has an environment variable. */
const FLAGS = [
  ['--port <number>', 'PORT', 'port of the HTTP server'],
  ['--host <address>', 'HOST', 'address to listen on'],
  ['--data-dir <folder>', 'DATA_DIR', 'folder of the SQLite file'],
  ['--log-level <level>', 'LOG_LEVEL', 'the least severe lines that are logged'],
] as const;

const optionKey = (name: string): string => name.toLowerCase().replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export function addConfigOptions(command: Command): Command {
  command.option('--config <file>', 'the config file (chasqui.config.ts, when it is there)');
  for (const [flag, name, about] of FLAGS) command.option(flag, `${about} (${name})`);
  return command;
}

/** What the command line says about the configuration. */
export function configOptionsOf(command: Command): LoadOptions {
  const given = command.optsWithGlobals() as Record<string, string | undefined>;
  const flags = Object.fromEntries(FLAGS.map(([, name]) => [name, given[optionKey(name)]]));
  return { flags, configPath: given.config };
}
