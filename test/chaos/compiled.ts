import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Memory where there is some: a process writes there when it ends, and must not wait for a disk that is busy with the databases. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Keeps what the first process compiled for all the others of this run, so that they start faster. */
export class CompileCache implements Disposable {
  readonly #folder = mkdtempSync(join(PLACE, 'chasqui-chaos-compiled-'));

  constructor() {
    process.env.NODE_COMPILE_CACHE = this.#folder;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
