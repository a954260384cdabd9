import { chownSync, existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { exited, freePort, listening, start, unprivileged } from './daemon.ts';
import { installed } from './installed.ts';

/** A Redis of our own, on a free port, in a temporary folder. It keeps an append-only file, synced once a second. */
export interface TestRedis {
  url: string;
  port: number;
  /** Dies at once (SIGKILL) and stays down until {@link TestRedis.up}. */
  down(): Promise<void>;
  /** Starts again on the same port, with what its file kept. */
  up(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered until {@link TestRedis.thaw}. */
  freeze(): void;
  thaw(): void;
  /** One command over a connection of its own, words separated by spaces (`CLIENT PAUSE 500 ALL`). Resolves to the first line of the answer. */
  command(words: string): Promise<string>;
  stop(): Promise<void>;
}

function findProgram(): string | null {
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, 'redis-server')).find((path) => existsSync(path)) ?? null;
}

/** Path of `redis-server`; null when it is missing and the tests are to be skipped. */
export const redisProgram = (): string | null => installed('redis-server', findProgram);

/** How long a command may take, ms. */
const COMMAND_MS = 5000;

function ask(port: number, words: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.setTimeout(COMMAND_MS, () => socket.destroy(new Error(`Redis did not answer ${words} within ${COMMAND_MS} ms`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`Redis hung up on ${words}`)));
    socket.once('connect', () => socket.write(`${words}\r\n`));
    socket.once('data', (answer: Buffer) => {
      socket.destroy();
      resolve(answer.toString().split('\r\n')[0] ?? '');
    });
  });
}

/** Starts a server. `settings`: further pairs of a setting's name and value. */
export async function startRedis(program: string, settings: string[][] = []): Promise<TestRedis> {
  const account = unprivileged();
  const folder = await mkdtemp(join(tmpdir(), 'chasqui-redis-'));
  if (account) chownSync(folder, account.uid, account.gid);
  const port = await freePort();
  const durable = [['appendonly', 'yes'], ['appendfsync', 'everysec'], ['save', ''], ['maxmemory-policy', 'noeviction']];
  const args = [['port', String(port)], ['bind', '127.0.0.1'], ['dir', folder], ...durable, ...settings].flatMap(([name, value]) => [`--${name}`, value ?? '']);
  let server: ReturnType<typeof start> | null = null;
  const up = async (): Promise<void> => {
    server = start(program, args, account);
    await listening(server, port);
  };
  const down = async (): Promise<void> => {
    if (!server) return;
    server.child.kill('SIGKILL');
    await exited(server.child);
    server = null;
  };
  const stop = async (): Promise<void> => {
    await down();
    await rm(folder, { recursive: true, force: true });
  };
  await up();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    down,
    up,
    freeze: () => void server?.child.kill('SIGSTOP'),
    thaw: () => void server?.child.kill('SIGCONT'),
    command: (words) => ask(port, words),
    stop,
  };
}
