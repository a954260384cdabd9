import { existsSync, readFileSync, statSync } from 'node:fs';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../domain/clock.ts';
import type { Clock } from '../../domain/clock.ts';

/** How the checks look at the machine and the network. */
export interface Probes {
  clock: Clock;
  fetch: typeof fetch;
  nodeVersion: string;
  /** Null when the port can be had, otherwise the code of the system's error. */
  listen(at: { port: number; host: string }): Promise<string | null>;
  /** Null when a file can be written there, otherwise the code of the system's error. */
  write(folder: string): Promise<string | null>;
  /** Bytes that this user may still write. */
  freeBytes(folder: string): Promise<number>;
  /** Who has a SQLite file open. */
  holderOf(dataDir: string): Holder;
}

export type Holder =
  | { kind: 'none' }
  | { kind: 'held'; by: string }
  /** The file was left open, perhaps by a process that this one cannot see. */
  | { kind: 'unknown'; by: string };

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

function listen(at: { port: number; host: string }): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(codeOf(error)));
    server.listen(at, () => void server.close(() => resolve(null)));
  });
}

async function write(folder: string): Promise<string | null> {
  const file = join(folder, `.doctor-${process.pid}`);
  try {
    await writeFile(file, 'x');
    await rm(file);
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

interface HolderFile {
  pid: number;
  host: string;
  since: string;
}

function readHolder(dataDir: string): HolderFile | null {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'holder.json'), 'utf8')) as HolderFile;
  } catch {
    return null;
  }
}

const LOCKS = '/proc/locks';

/**
 * Linux lists the locks of this process's own namespace: `1: POSIX  ADVISORY  WRITE 31028 fe:00:2393153 0 EOF`. Null elsewhere. The device is
 * not compared: some filesystems give another one here than to stat.
 */
function lockingPid(file: string): number | null {
  if (!existsSync(LOCKS)) return null;
  const { ino } = statSync(file);
  const line = readFileSync(LOCKS, 'utf8').split('\n').find((text) => text.includes(' POSIX ') && text.includes(`:${ino} `));
  return line ? Number(line.trim().split(/\s+/)[4]) : null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/**
 * The log (`-wal`) exists while the file is open and goes with an orderly stop (https://www.sqlite.org/wal.html). When it is there, the kernel's
 * locks tell of processes in this namespace; of others, such as another container, only `holder.json` does, which a crash leaves behind.
 */
function holderOf(dataDir: string): Holder {
  const file = join(dataDir, 'chasqui.db');
  if (!existsSync(`${file}-wal`)) return { kind: 'none' };
  const holder = readHolder(dataDir);
  const named = holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : 'another process';
  const pid = lockingPid(file);
  if (pid !== null) return { kind: 'held', by: holder?.pid === pid ? named : `process ${pid}` };
  if (!holder) return { kind: 'none' };
  if (holder.host !== hostname()) return { kind: 'unknown', by: named };
  const isOther = holder.pid !== process.pid && !existsSync(LOCKS) && isAlive(holder.pid);
  return isOther ? { kind: 'held', by: named } : { kind: 'none' };
}

export const systemProbes: Probes = {
  clock: systemClock,
  fetch: (...args) => fetch(...args),
  nodeVersion: process.versions.node,
  listen,
  write,
  freeBytes,
  holderOf,
};
