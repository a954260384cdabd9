import { Command } from 'commander';
import { explainConfig, formatConfig, loadConfig } from '../config/index.ts';
import { addConfigOptions, configOptionsOf } from './options.ts';
import type { CliDeps } from './cli-deps.ts';

/** `chasqui config print`: every value and where it came from, secrets redacted. */
export function configCommand({ print }: CliDeps): Command {
  const show = new Command('print').description('show every setting and where it came from').option('--json', 'as JSON');
  addConfigOptions(show).action(async () => {
    const rows = explainConfig(await loadConfig(configOptionsOf(show)));
    print(show.opts<{ json?: boolean }>().json ? JSON.stringify(rows, null, 2) : formatConfig(rows));
  });
  return new Command('config').description('look at the configuration').addCommand(show);
}
