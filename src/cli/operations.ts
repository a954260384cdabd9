import { Command } from 'commander';
import { ConfigError } from '../domain/errors.ts';
import type { Operation } from '../ports/operations.ts';
import type { CliDeps } from './cli-deps.ts';
import { addRemoteOptions, adminApiOf } from './remote/admin-api.ts';
import type { AdminApi } from './remote/admin-api.ts';
import { describeOperation, followOperation } from './remote/follow.ts';
import { systemTerminal } from './remote/terminal.ts';
import type { Terminal } from './remote/terminal.ts';

interface Options {
  cancel?: boolean;
  resume?: boolean;
  json?: boolean;
}

async function list(api: AdminApi, { print }: CliDeps, { json }: Options): Promise<void> {
  const answer = await api.get<{ operations: Operation[] }>('/v1/operations');
  if (json) return print(JSON.stringify(answer, null, 2));
  if (answer.operations.length === 0) return print('no operations');
  for (const operation of answer.operations) print(describeOperation(operation));
}

async function one(at: { api: AdminApi; id: string }, deps: CliDeps, given: Options & { terminal: Terminal }): Promise<void> {
  const { api, id } = at;
  const path = `/v1/operations/${encodeURIComponent(id)}`;
  if (given.cancel) return deps.print(describeOperation(await api.send<Operation>('POST', `${path}/cancel`)));
  if (given.resume) await api.send('POST', `${path}/resume`);
  if (given.json) return deps.print(JSON.stringify(await api.get<Operation>(path), null, 2));
  await followOperation(at, deps, given.terminal);
}

/** `chasqui operations [id] [--cancel | --resume]`: long work of a running process, with its progress. */
export function operationsCommand(deps: CliDeps, terminal: Terminal = systemTerminal): Command {
  const command = new Command('operations')
    .description('long operations of a running Chasqui: list them, follow one, cancel or resume it')
    .argument('[id]', 'the operation to follow')
    .option('--cancel', 'stop it after the step in hand')
    .option('--resume', 'go on with it where it stopped')
    .option('--json', 'as JSON, without following');
  return addRemoteOptions(command).action(async (id: string | undefined) => {
    const options = command.opts<Options>();
    if (options.cancel && options.resume) throw new ConfigError('--cancel and --resume exclude each other');
    if (id === undefined && (options.cancel || options.resume)) throw new ConfigError('name the operation: chasqui operations lists them');
    const api = await adminApiOf(command, terminal);
    if (id === undefined) await list(api, deps, options);
    else await one({ api, id }, deps, { ...options, terminal });
  });
}
