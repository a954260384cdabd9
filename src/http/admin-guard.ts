import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { HttpSettings } from './http-deps.ts';
import { strangeness } from './locality.ts';
import { ProblemError } from './problem.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function bearer(request: FastifyRequest): string | null {
  const match = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '');
  return match?.[1] ?? null;
}

function checkToken(request: FastifyRequest, expected: Buffer): void {
  const token = bearer(request);
  // Both sides hashed: equal lengths, and the comparison's time tells nothing about the token.
  if (token !== null && timingSafeEqual(digest(token), expected)) return;
  throw new ProblemError('admin_token_invalid', 'Send "Authorization: Bearer" with the value of ADMIN_TOKEN.', {
    headers: { 'www-authenticate': 'Bearer realm="chasqui"' },
  });
}

function checkMachine(request: FastifyRequest, production: boolean): void {
  if (production) {
    throw new ProblemError('admin_token_required', 'Set ADMIN_TOKEN and send it as a Bearer token: in production these routes are closed without one.');
  }
  const strange = strangeness(request);
  if (strange === null) return;
  throw new ProblemError('admin_loopback_only', `Set ADMIN_TOKEN to use these routes from elsewhere: ${strange}.`);
}

/** The hook before operators' routes. Runs before the body is read. */
export function createAdminGuard({ adminToken, production }: Pick<HttpSettings, 'adminToken' | 'production'>) {
  const expected = adminToken ? digest(adminToken) : null;
  return (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    try {
      if (expected) checkToken(request, expected);
      else checkMachine(request, production);
      done();
    } catch (error) {
      done(error as Error);
    }
  };
}
