import { Command } from 'commander';
import { loadConfig } from '../config/index.ts';
import type { Settings } from '../config/index.ts';
import { AppError } from '../domain/errors.ts';
import { addConfigOptions, configOptionsOf } from './options.ts';
import type { CliDeps } from './cli-deps.ts';
import { reachable } from './remote/address.ts';

const DEADLINE_MS = 3_000;

async function ask(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
    await response.body?.cancel();
    if (response.ok) return `${url} answers ${response.status}`;
    throw new AppError('unhealthy', `${url} answers ${response.status}`);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('unhealthy', `${url} does not answer within ${DEADLINE_MS} ms: is Chasqui running there?`, { cause: error });
  }
}

/** Where the process of these settings answers probes. */
function portOf({ appMode, port, workerPort }: Settings): number {
  if (appMode !== 'worker') return port;
  if (workerPort !== undefined) return workerPort;
  throw new AppError('unhealthy', 'a worker (APP_MODE=worker) without WORKER_PORT answers nobody: set WORKER_PORT for it and for this check');
}

/** `chasqui healthcheck`: exit code 0 when the process of these settings is alive, for container health checks. */
export function healthcheckCommand({ print }: CliDeps): Command {
  const command = new Command('healthcheck').description('ask a running Chasqui whether it is alive');
  return addConfigOptions(command).action(async () => {
    const { settings } = await loadConfig(configOptionsOf(command));
    print(await ask(`http://${reachable(settings.host)}:${portOf(settings)}/livez`));
  });
}
