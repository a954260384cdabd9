import { Command } from 'commander';
import { ConfigError } from '../domain/errors.ts';
import type { DeadLetterPage, DeadLetterSummary } from '../operate/index.ts';
import { PURGE_CONFIRMATION } from '../operate/index.ts';
import type { CliDeps } from './cli-deps.ts';
import { addRemoteOptions, adminApiOf } from './remote/admin-api.ts';
import type { AdminApi } from './remote/admin-api.ts';
import { followOperation } from './remote/follow.ts';
import { systemTerminal } from './remote/terminal.ts';
import type { Terminal } from './remote/terminal.ts';

const FILTERS = ['limit', 'org', 'channel', 'kind', 'reason', 'cursor'] as const;
const ABOUT: Record<(typeof FILTERS)[number], string> = {
  limit: 'letters at the most (50)',
  org: 'of this org',
  channel: 'of this channel',
  kind: 'jobs of this kind',
  reason: 'that died for this reason',
  cursor: 'go on where the page before ended',
};
type Run = (api: AdminApi, command: Command, args: string[]) => Promise<void>;

async function list(api: AdminApi, command: Command, { print }: CliDeps): Promise<void> {
  const options = command.opts<Partial<Record<(typeof FILTERS)[number], string>> & { json?: boolean }>();
  const query = new URLSearchParams();
  for (const name of FILTERS) if (options[name] !== undefined) query.set(name, options[name]);
  const page = await api.get<DeadLetterPage>(`/admin/dlq?${query.toString()}`);
  if (options.json) return print(JSON.stringify(page, null, 2));
  if (page.count === 0) return print('no dead letters');
  for (const job of page.jobs) print(`${new Date(job.failedAt).toISOString()}  ${job.jobId}  ${job.orgId}  ${job.originalJob.kind}  ${job.reason}`);
  if (page.nextCursor) print(`more: chasqui dlq list --cursor ${page.nextCursor}`);
}

async function stats(api: AdminApi, command: Command, { print }: CliDeps): Promise<void> {
  const answer = await api.get<DeadLetterSummary>('/admin/dlq/stats');
  if (command.opts<{ json?: boolean }>().json) return print(JSON.stringify(answer, null, 2));
  const { counts, alertThreshold, isAboveThreshold, oldestAt, byReason } = answer;
  print(`${counts.total} dead letters, ${isAboveThreshold ? 'above' : 'not above'} the threshold of ${alertThreshold}`);
  if (oldestAt !== null) print(`oldest: ${new Date(oldestAt).toISOString()}`);
  for (const [reason, count] of Object.entries(byReason)) print(`${reason}: ${count}`);
}

async function retry(api: AdminApi, id: string, { print }: CliDeps): Promise<void> {
  const { retriedAs } = await api.send<{ retriedAs: string }>('POST', `/admin/dlq/retry/${encodeURIComponent(id)}`);
  print(`retried as ${retriedAs}`);
}

/** Starts the operation and follows it to its end. */
async function retryAll(api: AdminApi, deps: CliDeps, terminal: Terminal): Promise<void> {
  const { operationId: id } = await api.send<{ operationId: string }>('POST', '/admin/dlq/retry-all');
  await followOperation({ api, id }, deps, terminal);
}

async function purge(at: { api: AdminApi; yes: boolean }, deps: CliDeps, terminal: Terminal): Promise<void> {
  if (!at.yes) throw new ConfigError('purge deletes every dead letter for good: add --yes to do it (chasqui dlq stats counts them)');
  const { operationId: id } = await at.api.send<{ operationId: string }>('DELETE', '/admin/dlq', { confirm: PURGE_CONFIRMATION });
  await followOperation({ api: at.api, id }, deps, terminal);
}

/** `chasqui dlq list|stats|retry|retry-all|purge`: the dead letters of a running Chasqui. */
export function dlqCommand(deps: CliDeps, terminal: Terminal = systemTerminal): Command {
  const group = new Command('dlq').description('the dead letters of a running Chasqui');
  const add = (command: Command, run: Run): void => {
    addRemoteOptions(command).action(async () => run(await adminApiOf(command, terminal), command, command.args));
    group.addCommand(command);
  };
  const json = (command: Command): Command => command.option('--json', 'as JSON');
  const listing = json(new Command('list').description('newest first'));
  for (const name of FILTERS) listing.option(`--${name} <value>`, ABOUT[name]);
  add(listing, (api, command) => list(api, command, deps));
  add(json(new Command('stats').description('how many there are, and why')), (api, command) => stats(api, command, deps));
  add(new Command('retry').description('give one job a new life').argument('<id>', 'id of the job'), (api, _command, [id]) => retry(api, id as string, deps));
  add(new Command('retry-all').description("retry all, in each conversation's order"), (api) => retryAll(api, deps, terminal));
  add(new Command('purge').description('delete all').option('--yes', 'really'), (api, command) => purge({ api, yes: command.opts<{ yes?: boolean }>().yes === true }, deps, terminal));
  return group;
}
