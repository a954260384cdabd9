/** `node scripts/run.mjs <file.ts> [arguments]`: installs what is missing and runs one of the project's programs. */
import { runSource } from './bootstrap.mjs';

const [file, ...args] = process.argv.slice(2);
if (!file) {
  process.stderr.write('usage: node scripts/run.mjs <file.ts> [arguments]\n');
  process.exit(2);
}
await runSource(file, args, { withDev: true });
