/**
 * Makes a fresh clone runnable with nothing but a system Node (20 or newer) and npm: installs what the lockfile names
 * and is missing, then hands out the pinned Node 24. Plain JavaScript without dependencies, because it runs before there are any.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const NEEDED_MAJOR = 24;
const pinned = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');
const isCurrentNodeGood = Number(process.versions.node.split('.')[0]) >= NEEDED_MAJOR;

/** A production image with Node 24 of its own needs no development tools, so not the pinned Node either. */
const needsDev = !isCurrentNodeGood || process.env.NODE_ENV !== 'production';

function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : null;
}

/** True when every package that the lockfile wants is installed in the wanted version. */
function isInstalled(withDev) {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (!present) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = present[path];
    if (found) return found.version === entry.version && found.integrity === entry.integrity;
    return entry.optional || entry.devOptional || entry.peer || (entry.dev && !withDev);
  });
}

function npm(args) {
  const cli = process.env.npm_execpath;
  const viaNode = cli?.endsWith('npm-cli.js');
  const [command, first] = viaNode ? [process.execPath, [cli]] : ['npm', []];
  // stdout belongs to the program that was asked for.
  const options = { cwd: root, stdio: ['ignore', process.stderr, process.stderr], shell: !viaNode && process.platform === 'win32' };
  return spawnSync(command, [...first, ...args], options).status ?? 1;
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** Installs what is missing and returns the path of a Node that runs TypeScript. `withDev` asks for the development tools too. */
export function bootstrap({ withDev = needsDev } = {}) {
  if (!isInstalled(withDev)) {
    process.stderr.write('Installing dependencies (npm ci)...\n');
    if (npm(['ci', '--no-audit', '--no-fund', withDev ? '--include=dev' : '--omit=dev']) !== 0) fail('npm ci failed; see above.');
  }
  if (existsSync(pinned)) return pinned;
  if (isCurrentNodeGood) return process.execPath;
  // npm was told to skip install scripts: the pinned Node is fetched by one.
  npm(['rebuild', 'node', '--ignore-scripts=false']);
  if (!existsSync(pinned)) fail(`Node ${NEEDED_MAJOR} is needed, and npm did not install it. Allow the install script of the package "node", or install Node ${NEEDED_MAJOR}.`);
  return pinned;
}

/** Whoever started us is gone without a word: then nobody is left to stop what we run. */
function onOrphaned(act) {
  const parent = process.ppid;
  return setInterval(() => process.ppid !== parent && act(), 500).unref();
}

/** Runs a program in the foreground: signals go to it, and its exit code comes back. */
export function run(command, args, env = {}) {
  const child = spawn(command, args, { cwd: process.cwd(), stdio: 'inherit', env: { ...process.env, ...env } });
  const forward = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  const watch = onOrphaned(() => {
    clearInterval(watch);
    forward('SIGTERM');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearInterval(watch);
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Compiled code is kept here, so that a start need not compile: that is most of its time, and a fifth of its memory. */
const compileCache = process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'compile');

/**
 * Starts and stops Chasqui once in an empty folder, without settings, so that the first real start finds everything compiled.
 * Whatever goes wrong here goes wrong again, and visibly, in the real start.
 */
async function fillCompileCache(node) {
  if (existsSync(compileCache)) return;
  const folder = mkdtempSync(join(tmpdir(), 'chasqui-'));
  const env = { PATH: process.env.PATH, PORT: '0', NODE_COMPILE_CACHE: compileCache };
  const child = spawn(node, [join(root, 'src/main.ts')], { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 });
  child.stdout.once('data', () => child.kill('SIGTERM'));
  await new Promise((resolve) => {
    child.once('error', resolve);
    child.once('close', resolve);
  });
  rmSync(folder, { recursive: true, force: true });
}

/** Runs a TypeScript file of this project with the pinned Node, forwarding arguments, signals and exit code. */
export async function runSource(file, args = process.argv.slice(2), options = {}) {
  const node = bootstrap(options);
  await fillCompileCache(node);
  // One Ctrl-C reaches the program from the terminal, from npm and from here: it must not count as a second request.
  const env = { CHASQUI_LAUNCHED: '1', NODE_COMPILE_CACHE: compileCache };
  process.exitCode = await run(node, [join(root, file), ...args], env);
}
