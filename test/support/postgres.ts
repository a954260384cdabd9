import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { exited, freePort, listening, start, unprivileged, type Account } from './daemon.ts';
import { installed } from './installed.ts';

/** A PostgreSQL of our own, on a free port, in a temporary folder. */
export interface TestPostgres {
  url: string;
  port: number;
  /** Dies at once, like a machine that loses power (`pg_ctl stop -m immediate`), and starts again on the same port. */
  restart(): Promise<void>;
  /** Dies at once and stays down until {@link TestPostgres.up}. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

const DEBIAN = '/usr/lib/postgresql';

function findBin(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(DEBIAN, version, 'bin')), ...(process.env.PATH ?? '').split(delimiter)];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) ?? null;
}

/** Folder of PostgreSQL's programs; null when they are missing and the tests are to be skipped. */
export const postgresBin = (): string | null => installed('postgresql', findBin);

/** Small, but as durable as a real one: `fsync` and `synchronous_commit` stay on. */
const SETTINGS = ['listen_addresses=127.0.0.1', 'fsync=on', 'synchronous_commit=on', 'max_connections=60', 'shared_buffers=128MB', 'autovacuum_naptime=5s', 'log_min_messages=error'];

function initialise(bin: string, folder: string, account: Account | null): void {
  const args = ['-D', join(folder, 'data'), '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--no-locale', '--no-sync'];
  const done = spawnSync(join(bin, 'initdb'), args, { encoding: 'utf8', cwd: folder, ...account });
  if (done.status !== 0) throw new Error(`initdb failed: ${done.stderr || done.error?.message}`);
}

/** Starts a server. `settings`: further `name=value` pairs. */
export async function startPostgres(bin: string, settings: string[] = []): Promise<TestPostgres> {
  const account = unprivileged();
  const folder = await mkdtemp(join(tmpdir(), 'chasqui-postgres-'));
  if (account) chownSync(folder, account.uid, account.gid);
  initialise(bin, folder, account);
  const port = await freePort();
  const args = ['-D', join(folder, 'data'), '-p', String(port), '-k', folder, ...[...SETTINGS, ...settings].flatMap((setting) => ['-c', setting])];
  let server: ReturnType<typeof start> | null = null;
  const up = async (): Promise<void> => {
    server = start(join(bin, 'postgres'), args, account);
    await listening(server, port);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!server) return;
    server.child.kill(signal);
    await exited(server.child);
    server = null;
  };
  const stop = async (): Promise<void> => {
    await end('SIGINT');
    await rm(folder, { recursive: true, force: true });
  };
  await up();
  const down = (): Promise<void> => end('SIGQUIT');
  const restart = async (): Promise<void> => {
    await down();
    await up();
  };
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, port, down, up, restart, stop };
}
