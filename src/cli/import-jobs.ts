import { Command } from 'commander';
import { ConfigError } from '../domain/errors.ts';
import type { CliDeps } from './cli-deps.ts';
import { addRemoteOptions, adminApiOf } from './remote/admin-api.ts';
import { followOperation } from './remote/follow.ts';
import { systemTerminal } from './remote/terminal.ts';
import type { Terminal } from './remote/terminal.ts';

interface Options {
  from?: string;
  table?: string;
  map?: string[];
}

/** `welcome=send_welcome`, as many as there are. */
function typesOf(map: string[] | undefined): Record<string, string> | undefined {
  const pairs = map?.map((text): [string, string] => {
    const [type, kind, ...rest] = text.split('=');
    if (type && kind && rest.length === 0) return [type, kind];
    throw new ConfigError(`--map ${text} must be type=kind, the type of the rows and the kind of their jobs`);
  });
  return pairs && Object.fromEntries(pairs);
}

/** `chasqui import-jobs`: a running Chasqui takes every waiting row of a table queue. */
export function importJobsCommand(deps: CliDeps, terminal: Terminal = systemTerminal): Command {
  const command = new Command('import-jobs')
    .description('let a running Chasqui take every waiting row of a table queue (docs/legacy-queue.md)')
    .option('--from <address>', 'another database than legacyQueue.url, as the running process reaches it; without a password')
    .option('--table <name>', 'another table than legacyQueue.table')
    .option('--map <type=kind...>', 'the kinds of the jobs, by the type of the rows');
  return addRemoteOptions(command).action(async () => {
    const { from, table, map } = command.opts<Options>();
    const api = await adminApiOf(command, terminal);
    const { operationId: id } = await api.send<{ operationId: string }>('POST', '/v1/imports', { from, table, types: typesOf(map) });
    await followOperation({ api, id }, deps, terminal);
  });
}
