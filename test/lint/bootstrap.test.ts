import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

interface LockEntry {
  version?: string;
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}
const packages = (JSON.parse(read('package-lock.json')) as { packages: Record<string, LockEntry> }).packages;
const manifest = JSON.parse(read('package.json')) as { devDependencies: Record<string, string>; allowScripts: Record<string, boolean>; engines: { node: string } };

describe('a fresh clone', () => {
  it('gets Node 24 from a pinned package, the only one that may run an install script', () => {
    expect(manifest.devDependencies.node).toMatch(/^24\.\d+\.\d+$/);
    expect(manifest.allowScripts).toEqual({ node: true });
    expect(manifest.engines.node).toBe('>=24');
  });

  it('installs from a lockfile without download addresses that has every optional package (npm ci refuses it otherwise)', () => {
    const missing = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies).filter((name) => !packages[`node_modules/${name}`]?.version));
    expect(missing).toEqual([]);
    expect(Object.values(packages).filter(({ resolved }) => resolved?.startsWith('http'))).toEqual([]);
  });

  it('the bootstrap scripts use no dependency', () => {
    for (const name of ['bootstrap', 'start', 'run', 'test', 'check', 'build', 'count-tests']) {
      const imports = [...read(`scripts/${name}.mjs`).matchAll(/from '([^']+)'/g)].map((match) => match[1] as string);
      expect(imports.filter((specifier) => !specifier.startsWith('node:') && !specifier.startsWith('./'))).toEqual([]);
    }
  });
});

describe('the count of the tests', () => {
  const count = (report: unknown): string => {
    const folder = mkdtempSync(join(tmpdir(), 'chasqui-count-'));
    const file = join(folder, 'tests.json');
    if (report !== null) writeFileSync(file, JSON.stringify(report));
    const { stdout } = spawnSync(process.execPath, [join(root, 'scripts/count-tests.mjs'), file], { encoding: 'utf8' });
    rmSync(folder, { recursive: true });
    return stdout;
  };

  it('is one line', () => {
    expect(count({ numPassedTests: 5, numFailedTests: 1, testResults: [] })).toBe('5 passed, 1 failed\n');
  });

  it('counts a file that could not be loaded, and a run without a report, as failed', () => {
    expect(count({ numPassedTests: 5, numFailedTests: 0, testResults: [{ status: 'failed', assertionResults: [] }] })).toBe('5 passed, 1 failed\n');
    expect(count(null)).toBe('0 passed, 1 failed\n');
  });
});
