import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** One line of the log. */
export interface Line {
  level: string;
  msg: string;
  [field: string]: unknown;
}

/** A real Chasqui, and what it logs. */
export interface Running {
  child: ChildProcess;
  address: string;
  /** Everything that it wrote so far. */
  output(): string;
  /** The first line, from the `from`-th on, that fits. */
  line(fits: (line: Line) => boolean, from?: number): Promise<Line>;
  /** How many lines there are so far. */
  count(): number;
  stop(): Promise<number | null>;
}

function parsed(text: string): Line[] {
  return text.split('\n').slice(0, -1).filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line);
}

/** Starts Chasqui in a folder, with this environment and nothing else of ours. Resolves when it has started. */
export async function startProcess(folder: string, env: Record<string, string> = {}, args: string[] = []): Promise<Running> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: { PATH: process.env.PATH, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  const changed = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (const look of changed) look();
    });
  }
  const line = (fits: (line: Line) => boolean, from = 0): Promise<Line> =>
    new Promise((resolve, reject) => {
      const leave = (act: () => void): void => {
        changed.delete(look);
        child.off('exit', onExit);
        act();
      };
      const onExit = (): void => leave(() => reject(new Error(`it ended: ${text.slice(-2000)}`)));
      function look(): void {
        const found = parsed(text).slice(from).find(fits);
        if (found) leave(() => resolve(found));
      }
      child.on('exit', onExit);
      changed.add(look);
      look();
    });
  const started = await line(({ msg }) => msg === '[RESILIENCE] started');
  async function stop(): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    return child.exitCode;
  }
  return { child, address: started.address as string, output: () => text, line, count: () => parsed(text).length, stop };
}
