import { spawnSync } from 'node:child_process';

const isCi = process.env.CI === 'true';

export const isRoot = (): boolean => process.getuid?.() === 0;

function aptGet(...args: string[]): string {
  const done = spawnSync('apt-get', ['-q', '-y', ...args], { encoding: 'utf8', timeout: 300_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  return done.status === 0 ? '' : (done.stderr ?? done.error?.message ?? 'apt-get failed').trim().split('\n').slice(-3).join(' ');
}

/**
 * The result of `find`, for a program that tests need. When it is missing: with `CI=true` the distribution's package is installed where that is
 * possible, and its absence is an error; elsewhere null, with a notice said aloud, so that the tests that need it are skipped.
 */
export function installed(packageName: string, find: () => string | null): string | null {
  const found = find();
  if (found) return found;
  if (!isCi) {
    process.stderr.write(`SKIPPED: these tests need ${packageName}. Install it (Debian: apt-get install ${packageName}).\n`);
    return null;
  }
  const trouble = isRoot() ? aptGet('update') || aptGet('install', '--no-install-recommends', packageName) : 'not root, so it cannot be installed';
  const path = find();
  if (path) return path;
  throw new Error(`${packageName} is needed with CI=true and is missing: ${trouble}`);
}
