import { Command } from 'commander';
import { loadConfig } from '../config/index.ts';
import type { Config } from '../config/index.ts';
import { AppError } from '../domain/errors.ts';
import type { CliDeps } from './cli-deps.ts';
import { formatFinding } from './doctor/finding.ts';
import type { Finding } from './doctor/finding.ts';
import { checkClock, checkDataDir, checkDisk, checkNode, checkPort, isRunning } from './doctor/machine.ts';
import { systemProbes } from './doctor/probes.ts';
import type { Probes } from './doctor/probes.ts';
import { checkRemotes } from './doctor/remotes.ts';
import { checkSettings } from './doctor/settings.ts';
import { addConfigOptions, configOptionsOf } from './options.ts';

/** Looks at everything that a start with this configuration depends on. Leaves nothing behind; every question to the network has a deadline. */
export async function diagnose(config: Config, probes: Probes): Promise<Finding[]> {
  const { settings } = config;
  const [running, remotes] = await Promise.all([isRunning(settings, probes), checkRemotes(config, probes)]);
  return [
    checkNode(probes),
    ...checkSettings(config),
    await checkPort(settings, running, probes),
    await checkDataDir(settings, running, probes),
    await checkDisk(settings, probes),
    checkClock(remotes.skews, probes),
    ...remotes.findings,
  ];
}

/**
 * `chasqui doctor`: a line for each check, with the fix where there is something to fix. Exit code 1 when a check failed; warnings do not
 * count. `--json` prints `{ ok, checks: [{ check, state, detail, fix }] }`.
 */
export function doctorCommand({ print }: CliDeps, probes: Probes = systemProbes): Command {
  const command = new Command('doctor').description('check the machine, the settings and everything they connect to').option('--json', 'as JSON');
  return addConfigOptions(command).action(async () => {
    const checks = await diagnose(await loadConfig(configOptionsOf(command)), probes);
    const failed = checks.filter(({ state }) => state === 'fail');
    if (command.opts<{ json?: boolean }>().json) print(JSON.stringify({ ok: failed.length === 0, checks }, null, 2));
    else for (const finding of checks) print(formatFinding(finding));
    if (failed.length > 0) throw new AppError('unhealthy', `${failed.length} of ${checks.length} checks failed`);
  });
}
