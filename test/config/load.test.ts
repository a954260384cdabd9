import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chasqui-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

describe('the config file', () => {
  it('is found in the folder', async () => {
    write('chasqui.config.ts', `export default { port: 4321 as number };`);
    const config = await loadConfig({ folder, env: {} });
    expect([config.settings.port, config.file]).toEqual([4321, 'chasqui.config.ts']);
  });

  it('is optional', async () => {
    expect((await loadConfig({ folder, env: {} })).file).toBeNull();
  });

  it('may be named', async () => {
    write('other.ts', `export default { port: 5 };`);
    expect((await loadConfig({ folder, env: {}, configPath: 'other.ts' })).settings.port).toBe(5);
  });

  it.each([
    ['missing.ts', null, 'there is no such file'],
    ['empty.ts', 'export const x = 1;', 'no default export'],
    ['broken.ts', 'export default {', 'cannot be read'],
  ])('%s is refused with the reason', async (name, text, reason) => {
    if (text !== null) write(name, text);
    await expect(loadConfig({ folder, env: {}, configPath: name })).rejects.toThrow(reason);
  });
});

describe('the package', () => {
  it('is found under its own name from any folder', async () => {
    write('chasqui.config.ts', `import { defineConfig } from 'chasqui';\nexport default defineConfig({ port: 77 });`);
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'config', 'print', '--json'], { cwd: folder, env: { PATH: process.env.PATH } });
    const rows = JSON.parse(stdout) as { name: string }[];
    expect(rows.find(({ name }) => name === 'PORT')).toEqual({ name: 'PORT', value: 77, origin: 'chasqui.config.ts' });
  });
});
