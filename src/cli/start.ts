import { Command } from 'commander';
import { openConfig } from '../config/index.ts';
import { addConfigOptions, configOptionsOf } from './options.ts';
import type { CliDeps } from './cli-deps.ts';

/** `chasqui start`: runs until it is told to stop. */
export function startCommand({ run }: CliDeps): Command {
  const command = new Command('start').description('run Chasqui (the default command)');
  return addConfigOptions(command).action(async () => run(await openConfig(configOptionsOf(command))));
}
