import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Longer than any run; whatever hangs fails here instead. */
const DEADLINE_MS = 120_000;

export interface Child {
  readonly pid: number;
  send(message: object): void;
  /** The next message of this kind. Rejects when the process ends before, or after two minutes. */
  next<T extends { kind: string }>(kind: T['kind']): Promise<T>;
  readonly gone: Promise<void>;
  /** Ends the process with a signal and resolves when it is gone. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** Starts a program of this folder, which talks through messages. */
export function startChild(file: string, plan: object, execArgv: readonly string[] = []): Child {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, [JSON.stringify(plan)], { execArgv: [...execArgv], env: { ...process.env, NODE_ENV: 'production' } });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    gone,
    pid: child.pid ?? 0,
    send: (message) => void child.send(message),
    next: (kind) => nextMessage(child, file, kind),
    async end(signal) {
      child.kill(signal);
      await gone;
    },
  };
}

function nextMessage<T extends { kind: string }>(child: ChildProcess, file: string, kind: T['kind']): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => settle(() => reject(new Error(`${file}: ${why} before it said "${kind}"`)));
    const onExit = (code: number | null): void => fail(`ended with ${code}`);
    const late = setTimeout(() => fail(`${DEADLINE_MS} ms passed`), DEADLINE_MS);
    const onMessage = (message: unknown): void => {
      if ((message as T).kind === kind) settle(() => resolve(message as T));
    };
    const settle = (end: () => void): void => {
      clearTimeout(late);
      child.off('exit', onExit);
      child.off('message', onMessage);
      end();
    };
    child.once('exit', onExit);
    child.on('message', onMessage);
  });
}

/** A data folder for one run, removed afterwards. */
export async function withDataDir<T>(use: (dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'chasqui-bench-'));
  try {
    return await use(dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
