import type { Config } from '../config/index.ts';

/** What the commands do to the outside. */
export interface CliDeps {
  /** Runs Chasqui until it is stopped. */
  run(config: Config): Promise<void>;
  /** One line for whoever typed the command. */
  print(line: string): void;
}
