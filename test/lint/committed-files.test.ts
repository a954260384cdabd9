import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const names = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);
const TEXT = /\.(ts|mjs|js|json|sql|md|html|css|svg|yml|yaml|txt)$|^[^.]*$|^\.[a-z]+(rc|ignore)?$|^\.ci\//;

/** Absolute paths of somebody's machine. Paths that every system has (/usr, /dev, /tmp) are not. */
const LOCAL_PATH = /(?<![\w.:/}$-])\/(?:home|root|Users|work|workspace|builds|opt\/[a-z]+-agent)\/[\w.-]+/;
/** A lockfile with download addresses ties a clone to whoever made it. */
const DOWNLOAD = /"resolved"\s*:\s*"https?:/;
const REGISTRY = /https?:\/\/(?:[\w-]+\.)*(?:registry\.|npm\.|nexus|artifactory|verdaccio|pkg\.)[\w.-]+/i;

export function traces(text: string): string[] {
  const own = text.includes(homedir() + '/') && homedir().length > 1 ? [homedir()] : [];
  return [...own, ...[LOCAL_PATH, DOWNLOAD, REGISTRY].flatMap((pattern) => pattern.exec(text)?.[0] ?? [])];
}

describe('committed files', () => {
  it('name no local path and no registry', () => {
    const checked = names.filter((name) => TEXT.test(name) && name !== 'test/lint/committed-files.test.ts');
    expect(checked.length).toBeGreaterThan(50);
    const found = checked.flatMap((name) => traces(readFileSync(join(root, name), 'utf8')).map((trace) => `${name}: ${trace}`));
    expect(found).toEqual([]);
  });

  it.each(['see /home/ana/project', `"/work/main/src"`, '"resolved": "https://registry.example/x.tgz"', 'https://registry.npmjs.org/zod', 'http://nexus.corp.example/npm'])('planted: %s', (text) => {
    expect(traces(text)).not.toEqual([]);
  });
});
