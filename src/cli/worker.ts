import { Command } from 'commander';
import { openConfig } from '../config/index.ts';
import { addConfigOptions, configOptionsOf } from './options.ts';
import type { CliDeps } from './cli-deps.ts';

/** `chasqui worker`: the same as `APP_MODE=worker chasqui start`. */
export function workerCommand({ run }: CliDeps): Command {
  const command = new Command('worker').description('run only the work, beside processes that run the HTTP surface');
  return addConfigOptions(command).action(async () => {
    const { flags, ...options } = configOptionsOf(command);
    await run(await openConfig({ ...options, flags: { ...flags, APP_MODE: 'worker' } }));
  });
}
