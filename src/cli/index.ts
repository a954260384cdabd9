import { AppError, ConfigError } from '../domain/errors.ts';
import { createProgram } from './program.ts';
import type { CliDeps } from './cli-deps.ts';

export type { CliDeps } from './cli-deps.ts';

/** Where a command ends, and what it has to say about that. */
export interface CliEnd {
  exitCode: number;
  message: string | null;
}

function endOf(error: unknown): CliEnd {
  if (error instanceof ConfigError) return { exitCode: 2, message: `chasqui: ${error.message}` };
  if (error instanceof AppError) return { exitCode: 1, message: `chasqui: ${error.message}` };
  return { exitCode: 1, message: `chasqui: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` };
}

/** Runs one command line (without the program's name). Exit code 2: the settings cannot be used. */
export async function runCli(args: readonly string[], deps: CliDeps): Promise<CliEnd> {
  try {
    await createProgram(deps).parseAsync(args, { from: 'user' });
    return { exitCode: 0, message: null };
  } catch (error) {
    return endOf(error);
  }
}
