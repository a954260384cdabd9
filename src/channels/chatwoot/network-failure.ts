/** Raised while a name is looked up, a connection made or a certificate checked: before any byte of the request. */
const BEFORE_WRITING = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** True only when the request certainly did not reach the platform. `fetch` hides the reason in `cause`. */
export function wasNeverWritten(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.every(wasNeverWritten);
  if (BEFORE_WRITING.has(codeOf(error)) || ('syscall' in error && error.syscall === 'connect')) return true;
  return wasNeverWritten(error.cause);
}

/** A short reason without addresses: an error's own message may hold the URL. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  const code = codeOf(error) || (error.cause instanceof Error ? codeOf(error.cause) || error.cause.name : '');
  return code ? `${error.name}: ${code}` : error.name;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
