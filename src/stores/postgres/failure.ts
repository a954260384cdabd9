const SQLSTATE = /^[0-9A-Z]{5}$/;
/**
 * The connection or the server is at fault, not the statement (https://www.postgresql.org/docs/current/errcodes-appendix.html): lost connections,
 * a shutdown, a statement out of time, too many connections, I/O errors, a server that only reads since another one took over.
 */
const SERVER_STATES = /^(08|57|53300|58|25006)/;
/** Asking again will not help: wrong password, no such database, a full disk. */
const FINAL_STATES = /^(28|3D|531|532)/;
/** Serialization failure, deadlock, and the unique violation of two transactions that stored the same thing: the second look sees the first's. */
const AGAIN_STATES = new Set(['40001', '40P01', '23505']);

/**
 * What went wrong. `refused`: the server will not do it for anybody. `cut`: no answer came, so the statement may have been executed, or the
 * connection is of no use. `again`: rolled back, and worth trying again at once. `statement`: rolled back, and its own fault.
 */
export type FailureKind = 'refused' | 'cut' | 'again' | 'statement';

export function failureKind(error: unknown): FailureKind {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  if (!SQLSTATE.test(code) || SERVER_STATES.test(code)) return 'cut';
  if (FINAL_STATES.test(code)) return 'refused';
  return AGAIN_STATES.has(code) ? 'again' : 'statement';
}

/** The client, or the server for it, gave up waiting. */
export const isTimeout = (error: unknown): boolean => error instanceof Error && failureKind(error) === 'cut' && /timeout/i.test(error.message);
