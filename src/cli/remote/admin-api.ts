import type { Command } from 'commander';
import { loadConfig } from '../../config/index.ts';
import { AppError, ConfigError } from '../../domain/errors.ts';
import { addConfigOptions, configOptionsOf } from '../options.ts';
import { reachable } from './address.ts';
import type { Terminal } from './terminal.ts';

/** A purge is waited for by the server. */
const DEADLINE_MS = 30_000;

/** The operators' routes of a running process. Rejects with AppError whose message says what to do. */
export interface AdminApi {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  send<T>(method: 'POST' | 'DELETE', path: string, body?: object): Promise<T>;
}

interface ProblemBody {
  title?: string;
  detail?: string;
  code?: string;
}

async function problemOf(response: Response): Promise<ProblemBody | null> {
  if (!/json/.test(response.headers.get('content-type') ?? '')) return null;
  return (await response.json().catch(() => null)) as ProblemBody | null;
}

async function refusal(response: Response, url: string): Promise<AppError> {
  const problem = await problemOf(response);
  if (problem === null) return new AppError('not_chasqui', `${url} answers ${response.status}, and not as Chasqui does: correct --url`);
  if (response.status === 401) return new AppError('admin_token_invalid', `${url} refuses the token: set ADMIN_TOKEN to the one of the running process`);
  return new AppError(problem.code ?? 'refused', problem.detail ?? problem.title ?? `${url} answers ${response.status}`);
}

function unreachable(error: unknown, url: string): AppError {
  const cause = error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined;
  const timedOut = error instanceof Error && error.name === 'TimeoutError';
  const why = timedOut ? `does not answer within ${DEADLINE_MS / 1000} s` : `cannot be reached (${cause?.code ?? 'network error'})`;
  return new AppError('unreachable', `${url} ${why}: is Chasqui running there? --url names another address`);
}

/** The routes at `url`. Redirects are not followed: they would carry the token to wherever they point. */
export function createAdminApi(url: string, token: string | undefined, terminal: Pick<Terminal, 'fetch'>): AdminApi {
  async function ask<T>(method: string, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (body) headers['content-type'] = 'application/json';
    let response: Response;
    try {
      response = await terminal.fetch(url + path, { method, headers, redirect: 'manual', signal: AbortSignal.timeout(DEADLINE_MS), ...(body && { body: JSON.stringify(body) }) });
    } catch (error) {
      throw unreachable(error, url);
    }
    if (!response.ok) throw await refusal(response, url);
    return (await response.json()) as T;
  }
  return { url, get: (path) => ask('GET', path), send: (method, path, body) => ask(method, path, body) };
}

/** Adds the options that name a running process. */
export function addRemoteOptions(command: Command): Command {
  return addConfigOptions(command.option('--url <address>', 'address of the running process (HOST and PORT of the settings)'));
}

/** @throws ConfigError for settings or an address that cannot be used. */
export async function adminApiOf(command: Command, terminal: Pick<Terminal, 'fetch'>): Promise<AdminApi> {
  const { settings } = await loadConfig(configOptionsOf(command));
  const { url } = command.optsWithGlobals<{ url?: string }>();
  if (url !== undefined && !/^https?:\/\//.test(url)) throw new ConfigError(`--url ${url} must be an address that starts with http:// or https://`);
  const address = url?.replace(/\/+$/, '') ?? `http://${reachable(settings.host)}:${settings.port}`;
  return createAdminApi(address, settings.adminToken, terminal);
}
