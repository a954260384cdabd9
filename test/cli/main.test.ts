import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
let folder = '';
let running: ChildProcess | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chasqui-main-'));
});
afterEach(() => {
  running?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  child: ChildProcess;
  output(): string;
  /** Resolves with the output as soon as it matches. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  exit(): Promise<number | null>;
}

function start(env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [main], { cwd: folder, env: { PATH: process.env.PATH, TMPDIR: tmpdir(), PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  running = child;
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => void (text += chunk.toString()));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  async function until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(text);
      if (match) return match;
      const news = await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), ended]);
      if (!Array.isArray(news) && !pattern.test(text)) throw new Error(`ended with ${news} before ${pattern}: ${text}`);
    }
  }
  return { child, output: () => text, until, exit: () => ended };
}

describe('the process', () => {
  it('prints its banner, serves, and stops in order on SIGTERM with exit code 0', async () => {
    const run = start();
    const [, address] = await run.until(/open +(http:\S+)/);
    await run.until(/RESILIENCE/);
    expect((await fetch(`${address}/readyz`)).status).toBe(200);
    run.child.kill('SIGTERM');
    expect(await run.exit()).toBe(0);
    const stopped = [...run.output().matchAll(/stopped (\w+) in \d+ ms/g)].map((match) => match[1]);
    expect(stopped).toEqual(['localQueue', 'http', 'store']);
  });

  it('asked to stop twice, exits at once with 1', async () => {
    const run = start({ DRAIN_DELAY_MS: '60000', SHUTDOWN_TIMEOUT_MS: '90000' });
    await run.until(/shutdown handlers/);
    run.child.kill('SIGTERM');
    await run.until(/draining/);
    run.child.kill('SIGTERM');
    expect(await run.exit()).toBe(1);
  });

  it('a taken port ends it with 2, naming the port and the fix', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const port = String((other.address() as AddressInfo).port);
    const run = start({ PORT: port });
    expect(await run.exit()).toBe(2);
    expect(run.output()).toMatch(new RegExp(`^chasqui: PORT ${port} is taken.*set PORT`, 'm'));
    await new Promise((resolve) => other.close(resolve));
  });

  it('a second one in the same folder is refused, naming the holder', async () => {
    const first = start();
    await first.until(/shutdown handlers/);
    const second = spawn(process.execPath, [main], { cwd: folder, env: { PATH: process.env.PATH, PORT: '0' }, stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    second.stderr?.on('data', (chunk: Buffer) => void (complaint += chunk.toString()));
    const [code] = (await once(second, 'close')) as [number];
    expect(code).toBe(1);
    expect(complaint).toContain(String(first.child.pid));
    first.child.kill('SIGTERM');
    expect(await first.exit()).toBe(0);
  });
});
