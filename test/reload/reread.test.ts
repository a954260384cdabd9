import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chasqui-reread-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const CONFIG = new URL('../../src/config/index.ts', import.meta.url).href;

/** Runs a program with Node's own loader, which the test runner's is not. What it gives to `tell` comes back. */
async function run(program: string): Promise<never> {
  const head = `import { writeFileSync, rmSync } from 'node:fs';\nimport { openConfig } from '${CONFIG}';\nconst tell = (value) => console.log(JSON.stringify(value));\n`;
  write('program.mts', head + program);
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', 'program.mts'], { cwd: folder, env: { PATH: process.env.PATH } });
  return JSON.parse(stdout) as never;
}

describe('reading the file again', () => {
  it('sees what it imports by relative paths, at any depth, also what was missing at first', async () => {
    write('chasqui.config.ts', `import { port } from './lib/port.ts';\nexport default { port };`);
    write('port.ts', 'export const base = 4000;');
    rmSync(join(folder, 'lib'), { recursive: true, force: true });
    const seen = await run(`
      import { mkdirSync } from 'node:fs';
      mkdirSync('lib');
      writeFileSync('lib/port.ts', "import { base } from '../port.ts';\\nexport const port: number = base + 1;");
      const source = await openConfig({ env: {} });
      const ports = [source.config.settings.port];
      const next = async () => ports.push((await source.read().catch((error) => ({ settings: { port: error.message } }))).settings.port);
      writeFileSync('port.ts', 'export const base = 5000;');
      await next();
      rmSync('port.ts');
      await next();
      writeFileSync('port.ts', 'export const base = 6000;');
      await next();
      tell(ports);
    `);
    expect(seen).toEqual([4001, 5001, expect.stringMatching(/cannot be read: .*port\.ts/), 6001]);
  });

  it('finds the package under its own name, once: its classes stay the same', async () => {
    write('chasqui.config.ts', `import { defineConfig, ConfigError } from 'chasqui';\nglobalThis.seen = [...(globalThis.seen ?? []), ConfigError];\nexport default defineConfig({ port: 1 });`);
    const same = await run(`
      const source = await openConfig({ env: {} });
      writeFileSync('chasqui.config.ts', (await import('node:fs')).readFileSync('chasqui.config.ts', 'utf8').replace('port: 1', 'port: 2'));
      const { settings } = await source.read();
      tell([settings.port, globalThis.seen.length, globalThis.seen[0] === globalThis.seen[1]]);
    `);
    expect(same).toEqual([2, 2, true]);
  });

  it('evaluates nothing while nothing has changed, so that it keeps no memory', async () => {
    write('chasqui.config.ts', `globalThis.evaluated = (globalThis.evaluated ?? 0) + 1;\nexport default { orgs: [{ id: 'a', channels: [{ kind: 'playground', id: 'p', responder: { kind: 'function', respond: () => 'hi' } }] }] };`);
    const [evaluated, same, perReading] = (await run(`
      const source = await openConfig({ env: {} });
      const first = source.config.orgs[0].channels[0].responder.respond;
      let last = first;
      const round = async () => { last = (await source.read()).orgs[0].channels[0].responder.respond; };
      for (let n = 0; n < 200; n++) await round();
      gc();
      const before = process.memoryUsage().heapUsed;
      for (let n = 0; n < 1000; n++) await round();
      gc();
      tell([globalThis.evaluated, last === first, (process.memoryUsage().heapUsed - before) / 1000]);
    `)) as [number, boolean, number];
    expect([evaluated, same]).toEqual([1, true]);
    expect(perReading).toBeLessThan(500);
  });

  it('keeps a bounded amount for each version of the file', async () => {
    write('chasqui.config.ts', 'export default { port: 1 };');
    const perVersion = (await run(`
      const source = await openConfig({ env: {} });
      const round = async (n) => { writeFileSync('chasqui.config.ts', 'export default { port: ' + n + ' };'); return (await source.read()).settings.port; };
      for (let n = 1; n <= 50; n++) await round(n);
      gc();
      const before = process.memoryUsage().heapUsed;
      for (let n = 51; n <= 350; n++) if ((await round(n)) !== n) throw new Error('not read: ' + n);
      gc();
      tell((process.memoryUsage().heapUsed - before) / 300);
    `)) as number;
    expect(perVersion).toBeLessThan(60_000);
  });

  it('a file of a secret is read again, without the space around it; one that is missing or empty is refused', async () => {
    const entry = `{ kind: 'chatwoot', id: 'c', baseUrl: 'http://h', accountId: 1, apiToken: { file: 'token' }, webhookSecret: 's' }`;
    write('chasqui.config.ts', `export default { orgs: [{ id: 'a', channels: [${entry}] }] };`);
    write('token', ' one \n');
    const seen = (await run(`
      const source = await openConfig({ env: {} });
      const tokenOf = (config) => config.orgs[0].channels[0].connection.apiToken;
      const seen = [tokenOf(source.config)];
      const next = async () => seen.push(await source.read().then(tokenOf, (error) => error.message));
      writeFileSync('token', 'two');
      await next();
      writeFileSync('token', '\\n');
      await next();
      rmSync('token');
      await next();
      tell({ seen, files: source.files().map((file) => file.split('/').at(-1)) });
    `)) as { seen: string[]; files: string[] };
    expect(seen.seen).toEqual([
      'one', 'two',
      'orgs[0].channels[0].apiToken (from chasqui.config.ts) refers to the file token, which is empty. Write the secret into it.',
      'orgs[0].channels[0].apiToken (from chasqui.config.ts) refers to the file token, which cannot be read (ENOENT). Make it readable, or name another.',
    ]);
    expect(seen.files).toEqual(['chasqui.config.ts', 'token']);
  });

  it('a file that never finishes loading is given up', async () => {
    write('chasqui.config.ts', 'export default { port: 1 };');
    const message = await run(`
      const source = await openConfig({ env: {}, withinMs: 500 });
      writeFileSync('chasqui.config.ts', 'await new Promise((resolve) => setTimeout(resolve, 60_000)); export default { port: 2 };');
      tell(await source.read().then(() => 'read', (error) => error.message));
      process.exit();
    `);
    expect(message).toContain('did not finish loading within 500 ms');
  });
});
