import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const isCi = process.env.CI === 'true';

/**
 * Whether an example that has packages of its own can be run. When they are missing: with `CI=true` they are installed, and it is an error when they
 * cannot be; elsewhere the tests that need them are skipped, said aloud.
 */
export function examplePackages(folder: string): boolean {
  if (existsSync(join(folder, 'node_modules'))) return true;
  if (!isCi) {
    process.stderr.write(`SKIPPED: the example needs its packages. Install them: npm ci --ignore-scripts --prefix ${folder}\n`);
    return false;
  }
  const done = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder, encoding: 'utf8', timeout: 180_000 });
  if (done.status === 0) return true;
  throw new Error(`the packages of ${folder} are needed with CI=true and could not be installed: ${(done.stderr || done.error?.message) ?? ''}`);
}
