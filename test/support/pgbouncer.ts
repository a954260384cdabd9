import { chownSync, existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { exited, freePort, listening, start, unprivileged } from './daemon.ts';
import { installed } from './installed.ts';
import type { TestPostgres } from './postgres.ts';

/** A pooler in transaction mode before a server: every transaction may get another session. */
export interface TestPgBouncer {
  url: string;
  stop(): Promise<void>;
}

function findProgram(): string | null {
  const folders = ['/usr/sbin', ...(process.env.PATH ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path)) ?? null;
}

export const pgBouncerProgram = (): string | null => installed('pgbouncer', findProgram);

/** Fewer server connections than clients, and none kept for one of them: whoever relies on a session is found out. */
const configOf = (port: number, folder: string, server: TestPostgres): string => `
[databases]
postgres = host=127.0.0.1 port=${server.port} dbname=postgres user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
server_round_robin = 1
logfile = ${join(folder, 'log')}
`;

export async function startPgBouncer(program: string, server: TestPostgres): Promise<TestPgBouncer> {
  const account = unprivileged();
  const folder = await mkdtemp(join(tmpdir(), 'chasqui-pgbouncer-'));
  if (account) chownSync(folder, account.uid, account.gid);
  const port = await freePort();
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(file, configOf(port, folder, server));
  const running = start(program, [file], account);
  await listening(running, port);
  const stop = async (): Promise<void> => {
    running.child.kill('SIGTERM');
    await exited(running.child);
    await rm(folder, { recursive: true, force: true });
  };
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop };
}
