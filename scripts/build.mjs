/** `npm run build`: the published form in dist/: JavaScript, declarations and SQL. The dashboard is published as it is. */
import { cpSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { bootstrap, root, run } from './bootstrap.mjs';

const node = bootstrap({ withDev: true });
const source = join(root, 'src');
const dist = join(root, 'dist');

/** What the compiler leaves behind: everything in src/ that is not TypeScript. */
function copyAssets() {
  const isAsset = (path) => statSync(path).isDirectory() || !path.endsWith('.ts');
  cpSync(source, dist, { recursive: true, filter: isAsset });
}

rmSync(dist, { recursive: true, force: true });
const code = await run(node, [join(root, 'node_modules', '.bin', 'tsc'), '-p', join(root, 'tsconfig.build.json')]);
if (code === 0) copyAssets();
process.stdout.write(code === 0 ? `built ${relative(process.cwd(), dist)}\n` : 'the build failed\n');
process.exitCode = code;
