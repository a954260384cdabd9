import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import type { FieldError } from './problem.ts';

/** A request whose path, query or body does not fit its schema. */
export class InvalidRequest extends Error {
  readonly errors: FieldError[];
  constructor(errors: FieldError[]) {
    super(errors.map(({ field, message }) => `${field}: ${message}`).join('; '));
    this.errors = errors;
  }
}

export function fieldErrors(error: z.ZodError, part: string): FieldError[] {
  return error.issues.map((issue) => ({ field: [part, ...issue.path].join('.'), message: issue.message }));
}

/** Lets routes state their requests in zod. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  return (data: unknown) => {
    const result = schema.safeParse(data);
    if (result.success) return { value: result.data };
    return { error: new InvalidRequest(fieldErrors(result.error, httpPart ?? 'request')) };
  };
};

/** A body that fits its schema. Throws {@link InvalidRequest}. */
export function checkedBody<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new InvalidRequest(fieldErrors(result.error, 'body'));
}

/** What `/openapi.json` says about a route. */
export interface RouteDoc {
  summary: string;
  /** `admin`: the token, or this machine. `signature`: the channel checks the bytes. */
  auth: 'none' | 'admin' | 'signature' | 'playground';
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Answers by status. A string is a media type other than JSON. */
  answers: Record<number, z.ZodType | string>;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    doc?: RouteDoc;
    /** A stream that stays open: its duration says nothing. */
    unmeasured?: boolean;
  }
}

/** Route options for a documented route that validates its path and query. */
export function described(doc: RouteDoc) {
  const schema = { ...(doc.params && { params: doc.params }), ...(doc.query && { querystring: doc.query }) };
  return { schema, config: { doc } };
}
