/**
 * `npm test`: types, lint, then every test under Node 24. The tests come last, so that the runner's summary ends the output; a failed
 * check is announced before them and decides the exit code with them. Arguments go to the runner (`npm test -- test/config`).
 */
import { join } from 'node:path';
import { bootstrap, root, run } from './bootstrap.mjs';
import { check } from './check.mjs';

const node = bootstrap({ withDev: true });
const failed = await check();
if (failed.length > 0) process.stderr.write(`\nFAILED before the tests: ${failed.join(', ')} (see above). The tests run all the same.\n`);

const report = process.env.CHASQUI_TEST_REPORT;
const reporters = report ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const code = await run(node, [vitest, 'run', '--root', root, ...reporters, ...process.argv.slice(2)]);
process.exitCode = code === 0 && failed.length > 0 ? 1 : code;
