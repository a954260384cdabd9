import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import { AppError } from '../domain/errors.ts';
import { limitHeaders } from '../domain/limit-headers.ts';
import type { ActionDenied } from '../ports/action-limits.ts';
import { ERRORS } from './error-codes.ts';
import type { ErrorCode } from './error-codes.ts';

const DOCS = 'https://github.com/chasqui/chasqui/blob/main/docs/errors.md';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** One wrong field: where it is, and what is wrong with it. */
export interface FieldError {
  field: string;
  message: string;
}

/** A problem document, RFC 9457 (https://www.rfc-editor.org/rfc/rfc9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: FieldError[];
}

interface Extra {
  errors?: FieldError[];
  headers?: Record<string, string>;
}

/** Thrown by routes; becomes a problem document. `detail` says what to do. */
export class ProblemError extends AppError {
  readonly extra: Extra;
  declare readonly code: ErrorCode;
  constructor(code: ErrorCode, detail: string, extra: Extra = {}) {
    super(code, detail);
    this.extra = extra;
  }
}

/** An action that was done too often: 429, with when it may be done again. */
export function rateLimited({ rules, decision, now }: ActionDenied): ProblemError {
  const headers = limitHeaders(rules, decision, now);
  return new ProblemError('rate_limited', `The org may do ${decision.rule} ${decision.limit} times a minute. Try again in ${headers['Retry-After']} s.`, { headers });
}

const titleOf = (code: string, status: number): string =>
  code in ERRORS ? ERRORS[code as ErrorCode].title : (STATUS_CODES[status] ?? 'Error');

/** The document for a code; `status` only for codes that are not of the registry (a channel's own). */
export function problem(code: string, detail: string, status?: number): Problem {
  const known = status ?? (code in ERRORS ? ERRORS[code as ErrorCode].status : 500);
  return { type: `${DOCS}#${code}`, title: titleOf(code, known), status: known, detail, code };
}

/** Ends the request with a problem document. */
export function sendProblem(reply: FastifyReply, document: Problem, headers: Record<string, string> = {}): FastifyReply {
  return reply.code(document.status).headers(headers).header('content-type', PROBLEM_TYPE).send(JSON.stringify(document));
}
