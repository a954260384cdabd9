import { AppError } from '../../domain/errors.ts';
import type { Operation } from '../../ports/operations.ts';
import type { CliDeps } from '../cli-deps.ts';
import type { AdminApi } from './admin-api.ts';
import type { Terminal } from './terminal.ts';

/** How often progress is asked for, ms. */
const ASK_MS = 500;
/** Without a terminal, a line of progress at most this often, ms. */
const LINE_MS = 5_000;
const BAR_COLUMNS = 30;

const share = ({ total, done, failed }: Operation): number => (total > 0 ? Math.min(1, (done + failed) / total) : 0);

/** One line for people: `op_… dlq_purge running 120/400 30%`. */
export function describeOperation(operation: Operation): string {
  const { id, kind, state, total, done, failed, error } = operation;
  const counts = `${done + failed}/${total}${total > 0 ? ` ${Math.floor(share(operation) * 100)}%` : ''}`;
  return `${id}  ${kind}  ${state}  ${counts}${failed > 0 ? `, ${failed} failed` : ''}${error ? `  (${error})` : ''}`;
}

function bar(operation: Operation, columns: number): string {
  const width = Math.max(5, Math.min(BAR_COLUMNS, columns - 50));
  const filled = Math.round(share(operation) * width);
  const { done, failed, total, state } = operation;
  const line = `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done + failed}/${total} ${Math.floor(share(operation) * 100)}% ${state}`;
  return line.slice(0, columns - 1);
}

/** Shows an operation as it goes on: drawn over on a terminal, a line now and then otherwise. */
class Display {
  readonly #deps: Pick<CliDeps, 'print'>;
  readonly #terminal: Terminal;
  #lastLine = '';
  #lineAt = -Infinity;

  constructor(deps: Pick<CliDeps, 'print'>, terminal: Terminal) {
    this.#deps = deps;
    this.#terminal = terminal;
  }

  show(operation: Operation): void {
    const { columns } = this.#terminal;
    if (columns !== null) return this.#terminal.write(`\r\u001b[K${bar(operation, columns)}`);
    const line = describeOperation(operation);
    const now = this.#terminal.clock.monotonic();
    if (line === this.#lastLine || now - this.#lineAt < LINE_MS) return;
    this.#lastLine = line;
    this.#lineAt = now;
    this.#deps.print(line);
  }

  end(operation: Operation): void {
    if (this.#terminal.columns !== null) this.#terminal.write('\r\u001b[K');
    const line = describeOperation(operation);
    if (line !== this.#lastLine) this.#deps.print(line);
  }
}

const isOpen = ({ state }: Operation): boolean => state === 'running' || state === 'interrupted';

function detached({ id }: Operation): AppError {
  return new AppError('detached', `the operation goes on without you. Look again: chasqui operations ${id}  Stop it: chasqui operations ${id} --cancel`);
}

/**
 * Follows an operation to its end. Ctrl-C only stops the looking.
 * @throws AppError when it failed, or somebody stopped looking.
 */
export async function followOperation(at: { api: AdminApi; id: string }, deps: Pick<CliDeps, 'print'>, terminal: Terminal): Promise<void> {
  const { api, id } = at;
  const display = new Display(deps, terminal);
  const left = new AbortController();
  using _interrupt = terminal.onInterrupt(() => left.abort());
  let operation = await api.get<Operation>(`/v1/operations/${encodeURIComponent(id)}`);
  while (isOpen(operation)) {
    display.show(operation);
    await terminal.clock.sleep(ASK_MS, left.signal).catch(() => undefined);
    if (left.signal.aborted) {
      if (terminal.columns !== null) terminal.write('\n');
      throw detached(operation);
    }
    operation = await api.get<Operation>(`/v1/operations/${encodeURIComponent(id)}`);
  }
  display.end(operation);
  if (operation.state === 'failed') throw new AppError('operation_failed', `the operation failed: ${operation.error}. Go on with it: chasqui operations ${id} --resume`);
}
