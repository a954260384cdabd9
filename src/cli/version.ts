import { Command } from 'commander';
import { readVersion } from '../config/index.ts';
import type { CliDeps } from './cli-deps.ts';

/** `chasqui version` */
export function versionCommand({ print }: CliDeps): Command {
  return new Command('version').description('show the version').action(() => print(`chasqui ${readVersion()}`));
}
