import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { StoreBusy, StoreFailed, StoreTimeout } from '../domain/errors.ts';
import type { Log } from '../ports/telemetry.ts';
import type { ErrorCode } from './error-codes.ts';
import { PROBLEM_TYPE, ProblemError, problem, sendProblem } from './problem.ts';
import { InvalidRequest } from './request-schema.ts';

/** What the server's own errors mean, in our codes. */
const FASTIFY_CODES: Record<string, { code: ErrorCode; detail: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'body_too_large', detail: 'The body may have 1 MiB at most.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'body_not_json', detail: 'The body is not valid JSON.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'media_type_unsupported', detail: 'Send the body as Content-Type: application/json.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { code: 'bad_request', detail: 'Content-Length is not the length of the body.' },
  FST_ERR_BAD_URL: { code: 'invalid_url', detail: 'The path has a percent sign that is not an escape.' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'invalid_url', detail: 'A part of the path is too long.' },
};

const SOCKET_CODES: Record<string, { code: ErrorCode; detail: string }> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: 'request_timeout', detail: 'Send the whole request sooner.' },
  HPE_HEADER_OVERFLOW: { code: 'headers_too_large', detail: 'Send fewer or shorter headers.' },
};

function replyUnexpected(error: FastifyError, request: FastifyRequest, log: Log) {
  log.error({ err: error, method: request.method, route: request.routeOptions.url ?? 'unmatched' }, 'a request failed unexpectedly');
  return problem('internal_error', 'The server logged the cause. Nothing was acknowledged; the request may be sent again.');
}

/**
 * Turns whatever a route threw into a problem document. A store that cannot commit is 500 and a full one 429, because
 * those are the two statuses after which Chatwoot sends an agent bot's webhook again
 * (https://github.com/chatwoot/chatwoot, `lib/webhooks/trigger.rb`).
 */
export function createErrorHandler(log: Log) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (error instanceof ProblemError) {
      const document = { ...problem(error.code, error.message), errors: error.extra.errors };
      return sendProblem(reply, document, error.extra.headers);
    }
    if (error instanceof InvalidRequest) {
      return sendProblem(reply, { ...problem('invalid_request', error.message), errors: error.errors });
    }
    if (error instanceof StoreBusy) return sendProblem(reply, problem(error.code, error.message), { 'retry-after': '1' });
    if (error instanceof StoreTimeout || error instanceof StoreFailed) {
      log.error({ err: error, route: request.routeOptions.url ?? 'unmatched' }, 'the store did not answer a request');
      return sendProblem(reply, problem(error.code, 'The store could not do it; nothing was acknowledged. Send the request again.'));
    }
    const known = FASTIFY_CODES[error.code];
    if (known) return sendProblem(reply, problem(known.code, known.detail));
    return sendProblem(reply, replyUnexpected(error, request, log));
  };
}

/** Requests that never became one (broken syntax, too slow, too large headers): the same documents, written by hand. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const known = SOCKET_CODES[error.code ?? ''] ?? { code: 'bad_request', detail: 'The request is not valid HTTP/1.1.' };
  const document = problem(known.code, known.detail);
  const body = JSON.stringify(document);
  const head = [
    `HTTP/1.1 ${document.status} ${document.title}`,
    `content-type: ${PROBLEM_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
