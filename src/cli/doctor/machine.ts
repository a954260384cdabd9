import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Settings } from '../../config/index.ts';
import { ask } from './ask.ts';
import { fail, ok, warn } from './finding.ts';
import type { Finding } from './finding.ts';
import type { Probes } from './probes.ts';

const NEEDED_MAJOR = 24;

export function checkNode({ nodeVersion }: Probes): Finding {
  const isNew = Number(nodeVersion.split('.')[0]) >= NEEDED_MAJOR;
  return isNew ? ok('node', nodeVersion) : fail('node', `this is Node ${nodeVersion}, and ${NEEDED_MAJOR} or newer is needed`, `install Node ${NEEDED_MAJOR}`);
}

/** True when the one who answers at the configured port says that it is alive, as Chasqui does. */
export async function isRunning(settings: Settings, probes: Probes): Promise<boolean> {
  if (settings.port === 0) return false;
  const isWildcard = settings.host === '0.0.0.0' || settings.host === '::';
  const host = isWildcard ? 'localhost' : settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  const answer = await ask(`http://${host}:${settings.port}/livez`, {}, probes);
  return answer.kind === 'answered' && answer.status === 200 && /"status":\s*"ok"/.test(answer.text);
}

export async function checkPort(settings: Settings, running: boolean, probes: Probes): Promise<Finding> {
  const { port, host } = settings;
  if (port === 0) return ok('port', 'any free one');
  if (running) return warn('port', `Chasqui is running on ${host}:${port} already`, 'nothing, unless a second one is to be started: that needs another PORT and DATA_DIR');
  const trouble = await probes.listen({ port, host });
  if (trouble === null) return ok('port', `${port} is free on ${host}`);
  if (trouble === 'EADDRINUSE') return fail('port', `${port} is taken on ${host}`, 'stop the program that has it, or set PORT to another one');
  if (trouble === 'EACCES') return fail('port', `this user may not listen on ${port}`, 'set PORT to 1024 or more');
  return fail('port', `${host}:${port} cannot be listened on (${trouble})`, 'set HOST to an address of this machine');
}

/** The folder, or the nearest one above it that exists. */
function existing(folder: string): string {
  return existsSync(folder) || folder === dirname(folder) ? folder : existing(dirname(folder));
}

export async function checkDataDir(settings: Settings, running: boolean, probes: Probes): Promise<Finding> {
  const folder = resolve(settings.dataDir);
  const trouble = await probes.write(existing(folder));
  if (trouble) return fail('data', `${folder} cannot be written to (${trouble})`, 'give this user the folder, or set DATA_DIR to one that is writable and lasts');
  const holder = probes.holderOf(folder);
  if (holder.kind === 'none') return ok('data', existsSync(folder) ? `${folder} is writable and free` : `${folder} can be created`);
  if (holder.kind === 'unknown') return warn('data', `${folder} was last opened by ${holder.by}, which cannot be seen from here`, 'make sure that it is stopped before this one starts');
  const fix = 'stop that process, or set DATA_DIR to another folder';
  return running ? warn('data', `${folder} is in use by ${holder.by}`, 'nothing, if that is the Chasqui that is running') : fail('data', `${folder} is in use by ${holder.by}`, fix);
}

const MIB = 2 ** 20;
/** The log alone may take 160 MB. */
const TOO_LITTLE = 256 * MIB;
const LITTLE = 1024 * MIB;

export async function checkDisk(settings: Settings, probes: Probes): Promise<Finding> {
  const free = await probes.freeBytes(existing(resolve(settings.dataDir)));
  const detail = `${Math.floor(free / MIB)} MiB free`;
  const fix = 'free some space, or move DATA_DIR to a larger disk: without space no webhook is accepted';
  if (free < TOO_LITTLE) return fail('disk', detail, fix);
  return free < LITTLE ? warn('disk', detail, fix) : ok('disk', detail);
}

/** Chasqui is younger than this: a clock that says otherwise has never been set. */
const EARLIEST = Date.UTC(2026, 0, 1);
/** Signed webhooks are refused when their time is further from ours. */
const REFUSED_MS = 300_000;
const NOTICEABLE_MS = 30_000;

/** `remote`: what other machines said the time was, as their distance from ours, ms. */
export function checkClock(remote: readonly number[], { clock }: Probes): Finding {
  const fix = 'let the machine set its clock by NTP';
  const now = clock.now();
  if (now < EARLIEST) return fail('clock', `the clock says ${new Date(now).toISOString()}`, fix);
  if (remote.length === 0) return ok('clock', `${new Date(now).toISOString()}; nobody to compare with`);
  // One server may be wrong; when the nearest one is far off, it is us.
  const skew = Math.min(...remote.map(Math.abs));
  const detail = `${Math.round(skew / 1000)} s from the clock of the servers that answered`;
  if (skew >= REFUSED_MS) return fail('clock', `${detail}: signed webhooks are refused from ${REFUSED_MS / 1000} s on`, fix);
  return skew >= NOTICEABLE_MS ? warn('clock', detail, fix) : ok('clock', detail);
}
