import { Command } from 'commander';
import { loadConfig } from '../config/index.ts';
import { AppError } from '../domain/errors.ts';
import { addConfigOptions, configOptionsOf } from './options.ts';
import type { CliDeps } from './cli-deps.ts';

const DEADLINE_MS = 3_000;

/** An address that listens on everything is reached through loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

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

/** `chasqui healthcheck`: exit code 0 when the process of these settings is alive, for container health checks. */
export function healthcheckCommand({ print }: CliDeps): Command {
  const command = new Command('healthcheck').description('ask a running Chasqui whether it is alive');
  return addConfigOptions(command).action(async () => {
    const { settings } = await loadConfig(configOptionsOf(command));
    print(await ask(`http://${reachable(settings.host)}:${settings.port}/livez`));
  });
}
