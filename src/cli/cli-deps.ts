import type { ConfigSource } from '../config/index.ts';
import type { Inspect } from '../ports/inspect.ts';

/** What the commands do to the outside. */
export interface CliDeps {
  /** Runs Chasqui until it is stopped. */
  run(source: ConfigSource): Promise<void>;
  /** A look at the services of a configuration. */
  inspect(): Promise<Inspect>;
  /** One line for whoever typed the command. */
  print(line: string): void;
}
