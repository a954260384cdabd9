/** `npm run check`: types and lint. The layer rules are tests (test/lint). */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bootstrap, root, run } from './bootstrap.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);

/** Runs the checks one after the other and returns the names of those that failed. */
export async function check() {
  const node = bootstrap({ withDev: true });
  const steps = [
    ['type-check', [bin('tsc'), '--noEmit', '-p', root]],
    ['lint', [bin('oxlint'), '--type-aware', '--deny-warnings', '-c', join(root, '.oxlintrc.json'), root]],
  ];
  const failed = [];
  for (const [name, args] of steps) {
    process.stdout.write(`\n> ${String(name)}\n`);
    if ((await run(node, args)) !== 0) failed.push(name);
  }
  return failed;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const failed = await check();
  process.stdout.write(failed.length === 0 ? '\nchecks passed\n' : `\nfailed: ${failed.join(', ')}\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
