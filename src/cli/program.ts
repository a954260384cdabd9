import { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { configCommand } from './config.ts';
import { healthcheckCommand } from './healthcheck.ts';
import { startCommand } from './start.ts';
import { versionCommand } from './version.ts';
import { workerCommand } from './worker.ts';

/** What the commands do to the outside. */
export interface CliDeps {
  /** Runs Chasqui until it is stopped. */
  run(config: Config): Promise<void>;
  /** One line for whoever typed the command. */
  print(line: string): void;
}

/** The `chasqui` command. Its actions throw ConfigError for settings that cannot be used. */
export function createProgram(deps: CliDeps): Command {
  const program = new Command('chasqui')
    .description('Runs the messages of AI bots and shared inboxes.')
    .showHelpAfterError('(chasqui --help lists the commands)')
    .addCommand(startCommand(deps), { isDefault: true })
    .addCommand(workerCommand(deps))
    .addCommand(configCommand(deps))
    .addCommand(healthcheckCommand(deps))
    .addCommand(versionCommand(deps));
  return program;
}
