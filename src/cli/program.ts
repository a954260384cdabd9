import { Command } from 'commander';
import type { CliDeps } from './cli-deps.ts';
import { configCommand } from './config.ts';
import { dlqCommand } from './dlq.ts';
import { doctorCommand } from './doctor.ts';
import { healthcheckCommand } from './healthcheck.ts';
import { importJobsCommand } from './import-jobs.ts';
import { migrateEngineCommand } from './migrate-engine.ts';
import { operationsCommand } from './operations.ts';
import { startCommand } from './start.ts';
import { versionCommand } from './version.ts';
import { workerCommand } from './worker.ts';

/** The `chasqui` command. Its actions throw ConfigError for settings that cannot be used. */
export function createProgram(deps: CliDeps): Command {
  const program = new Command('chasqui')
    .description('Runs the messages of AI bots and shared inboxes.')
    .showHelpAfterError('(chasqui --help lists the commands)')
    .addCommand(startCommand(deps), { isDefault: true })
    .addCommand(workerCommand(deps))
    .addCommand(dlqCommand(deps))
    .addCommand(operationsCommand(deps))
    .addCommand(importJobsCommand(deps))
    .addCommand(migrateEngineCommand(deps))
    .addCommand(configCommand(deps))
    .addCommand(doctorCommand(deps))
    .addCommand(healthcheckCommand(deps))
    .addCommand(versionCommand(deps));
  return program;
}
