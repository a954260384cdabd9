/**
 * Every code of a problem document, with its status and title. `docs/errors.md` describes
 * each one; a test compares the two in both directions. The built-in channels' refusals are among them; other channels may
 * refuse with codes of their own.
 */
export const ERRORS = {
  invalid_request: { status: 400, title: 'The request has a wrong or missing field' },
  body_not_json: { status: 400, title: 'The body is not JSON' },
  body_invalid: { status: 400, title: 'The webhook has a wrong or missing field' },
  invalid_url: { status: 400, title: 'The address cannot be decoded' },
  bad_request: { status: 400, title: 'The request cannot be read' },
  confirmation_required: { status: 400, title: 'The confirmation is missing or wrong' },
  signature_missing: { status: 401, title: 'The webhook is not signed' },
  signature_invalid: { status: 401, title: 'The signature does not match the body' },
  timestamp_invalid: { status: 401, title: "The signature's time cannot be read" },
  timestamp_stale: { status: 401, title: 'The signature is too old' },
  path_secret_invalid: { status: 401, title: 'The secret in the address is wrong' },
  unconfigured: { status: 401, title: 'The channel has no secret to check webhooks with' },
  admin_token_invalid: { status: 401, title: 'The admin token is missing or wrong' },
  admin_token_required: { status: 403, title: 'No admin token is configured' },
  admin_loopback_only: { status: 403, title: 'Without an admin token only this machine may ask' },
  playground_loopback_only: { status: 403, title: 'The playground answers this machine only' },
  route_unknown: { status: 404, title: 'No such route' },
  channel_unknown: { status: 404, title: 'No such channel' },
  channel_ambiguous: { status: 404, title: 'More than one channel of this kind' },
  job_unknown: { status: 404, title: 'No such dead letter' },
  message_unknown: { status: 404, title: 'No such message' },
  operation_unknown: { status: 404, title: 'No such operation' },
  request_timeout: { status: 408, title: 'The request took too long to arrive' },
  already_retried: { status: 409, title: 'The dead letter was retried already' },
  human_owns: { status: 409, title: 'A person owns the conversation' },
  no_engine: { status: 409, title: 'This process takes no work' },
  body_too_large: { status: 413, title: 'The body is too large' },
  media_type_unsupported: { status: 415, title: 'The body has to be JSON' },
  idempotency_key_reused: { status: 422, title: 'The Idempotency-Key belongs to another request' },
  store_busy: { status: 429, title: 'Too many messages wait for the disk' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  store_timeout: { status: 500, title: 'The store did not answer in time' },
  store_failed: { status: 500, title: 'The store could not commit' },
  internal_error: { status: 500, title: 'Something unexpected went wrong' },
  not_ready: { status: 503, title: 'Not ready' },
  too_many_streams: { status: 503, title: 'Too many open event streams' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;
