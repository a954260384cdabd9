import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];
const isCi = process.env.CI === 'true';

const installed = (): string | undefined => [process.env.CHROMIUM_PATH ?? '', ...PLACES].find((path) => path !== '' && existsSync(path));

const isRoot = (): boolean => process.getuid?.() === 0;

function aptGet(...args: string[]): string {
  const done = spawnSync('apt-get', ['-q', '-y', ...args], { encoding: 'utf8', timeout: 300_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  return done.status === 0 ? '' : (done.stderr ?? done.error?.message ?? 'apt-get failed').trim().split('\n').slice(-3).join(' ');
}

/**
 * Path of a Chromium to drive with playwright-core. With `CI=true` it is installed from the distribution when it is missing and
 * that is possible, and its absence is an error. Elsewhere null: skip, with {@link skipNotice} said aloud.
 */
export function chromiumPath(): string | null {
  const found = installed();
  if (found) return found;
  if (!isCi) {
    process.stderr.write(`${skipNotice}\n`);
    return null;
  }
  const trouble = isRoot() ? aptGet('update') || aptGet('install', '--no-install-recommends', 'chromium') : 'not root, so it cannot be installed';
  const path = installed();
  if (path) return path;
  throw new Error(`Chromium is needed with CI=true and is missing: ${trouble}`);
}

export const skipNotice = 'SKIPPED: browser tests need Chromium. Install it (Debian: apt-get install chromium), or set CHROMIUM_PATH.';
