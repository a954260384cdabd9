/**
 * What Chasqui is measured against has dependencies of its own, in `bench/peers`: they are installed when a comparison is asked for, so that
 * installing the product stays small.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('./peers', import.meta.url));

type Packages = Record<string, { version?: string; integrity?: string; optional?: boolean; peer?: boolean }>;
const packagesOf = (file: string): Packages => (JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as { packages: Packages }).packages;

function isInstalled(): boolean {
  if (!existsSync(`${folder}/node_modules/.package-lock.json`)) return false;
  const present = packagesOf('node_modules/.package-lock.json');
  return Object.entries(packagesOf('package-lock.json')).every(([path, { integrity, optional }]) => path === '' || optional || present[path]?.integrity === integrity);
}

/** Installs them when they are missing. Why it could not, or null. */
export function installPeers(progress: (text: string) => void): string | null {
  if (isInstalled()) return null;
  progress('installing what is compared with (npm ci in bench/peers)...');
  const cli = process.env.npm_execpath;
  const [command, first] = cli?.endsWith('npm-cli.js') ? [process.execPath, [cli]] : ['npm', []];
  const options = { cwd: folder, encoding: 'utf8', timeout: 180_000 } as const;
  const done = spawnSync(command, [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], options);
  if (done.status === 0) return null;
  return (done.stderr || done.error?.message || 'npm ci failed').trim().split('\n').slice(-3).join(' ');
}

/** The exact versions of what is compared with, for the report. */
export function peerVersions(names: readonly string[]): string {
  const locked = packagesOf('package-lock.json');
  return names.map((name) => `${name} ${locked[`node_modules/${name}`]?.version ?? '?'}`).join(', ');
}
