import { Command } from 'commander';
import { loadConfig } from '../config/index.ts';
import type { Config, Settings } from '../config/index.ts';
import { AppError } from '../domain/errors.ts';
import type { Inspect } from '../ports/inspect.ts';
import type { CliDeps } from './cli-deps.ts';
import { formatFinding } from './doctor/finding.ts';
import type { Finding } from './doctor/finding.ts';
import { checkClock, checkDataDir, checkDisk, checkNode, checkPort, isRunning } from './doctor/machine.ts';
import { systemProbes } from './doctor/probes.ts';
import type { Probes } from './doctor/probes.ts';
import { checkRemotes } from './doctor/remotes.ts';
import { checkServices, tryServices } from './doctor/services.ts';
import { checkSettings } from './doctor/settings.ts';
import { addConfigOptions, configOptionsOf } from './options.ts';

/** With the port that the process will have. */
function servedBy(settings: Settings): Settings {
  return settings.appMode === 'worker' ? { ...settings, port: settings.workerPort ?? 0 } : settings;
}

/** The SQLite file's; on PostgreSQL nothing is written here. */
async function checkFolder(settings: Settings, running: boolean, probes: Probes): Promise<Finding[]> {
  if (settings.databaseUrl !== undefined) return [];
  return [await checkDataDir(settings, running, probes), await checkDisk(settings, probes)];
}

/** Looks at everything that a start with this configuration depends on. Leaves nothing behind; every question to the network has a deadline. */
export async function diagnose(config: Config, probes: Probes, inspect: Inspect): Promise<Finding[]> {
  const { settings } = config;
  const served = servedBy(settings);
  const [running, remotes, services] = await Promise.all([isRunning(served, probes), checkRemotes(config, probes), checkServices(settings, inspect)]);
  return [
    checkNode(probes),
    ...checkSettings(config),
    await checkPort(served, running, probes),
    ...(await checkFolder(settings, running, probes)),
    checkClock([...remotes.skews, ...services.skews], probes),
    ...services.findings,
    ...remotes.findings,
  ];
}

/**
 * `chasqui doctor`: a line for each check, with the fix where there is something to fix. Exit code 1 when a check failed; warnings do not
 * count. `--json` prints `{ ok, checks: [{ check, state, detail, fix }] }`.
 */
export function doctorCommand({ print, inspect }: CliDeps, probes: Probes = systemProbes): Command {
  const command = new Command('doctor')
    .description('check the machine, the settings and everything they connect to')
    .option('--json', 'as JSON')
    .option('--infra', 'instead try limits, duplicates, governor statistics and dead letters on the configured Redis and database; nothing is left behind');
  return addConfigOptions(command).action(async () => {
    const config = await loadConfig(configOptionsOf(command));
    const checks = command.opts<{ infra?: boolean }>().infra ? await tryServices(config, await inspect()) : await diagnose(config, probes, await inspect());
    const failed = checks.filter(({ state }) => state === 'fail');
    if (command.opts<{ json?: boolean }>().json) print(JSON.stringify({ ok: failed.length === 0, checks }, null, 2));
    else for (const finding of checks) print(formatFinding(finding));
    if (failed.length > 0) throw new AppError('unhealthy', `${failed.length} of ${checks.length} checks failed`);
  });
}
