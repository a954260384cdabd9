import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../domain/clock.ts';
import { ProblemError } from './problem.ts';

const KEEP_MS = 10 * 60_000;
const MAX_KEYS = 1000;
const MAX_KEY_LENGTH = 255;

export interface Result {
  status: number;
  body: object;
}

interface Remembered {
  fingerprint: string;
  at: number;
  result: Promise<Result>;
}

type Run = () => Promise<Result>;

/** Runs a change, unless its `Idempotency-Key` ran it before: then the first result is sent again. */
export type Once = (request: FastifyRequest, reply: FastifyReply, run: Run) => Promise<FastifyReply>;

function keyOf(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key === 'string' && key.length > 0 && key.length <= MAX_KEY_LENGTH) return key;
  throw new ProblemError('invalid_request', `Idempotency-Key has to have 1 to ${MAX_KEY_LENGTH} characters.`);
}

/**
 * Remembers results by `Idempotency-Key` for ten minutes, the last thousand, in this process. A request that failed is
 * not remembered, so that trying again is possible. https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function createOnce(clock: Clock): Once {
  const results = new Map<string, Remembered>();

  function forgetOld(now: number): void {
    for (const [key, { at }] of results) {
      if (now - at < KEEP_MS && results.size < MAX_KEYS) return;
      results.delete(key);
    }
  }

  function remember(key: string, fingerprint: string, run: Run): Promise<Result> {
    const now = clock.monotonic();
    forgetOld(now);
    const known = results.get(key);
    if (known && known.fingerprint !== fingerprint) {
      throw new ProblemError('idempotency_key_reused', 'Use a new Idempotency-Key: this one was sent with another path or body.');
    }
    if (known) return known.result;
    const result = run();
    results.set(key, { fingerprint, at: now, result });
    result.catch(() => results.delete(key));
    return result;
  }

  return async (request, reply, run) => {
    const key = keyOf(request);
    const fingerprint = `${request.method} ${request.url} ${JSON.stringify(request.body ?? null)}`;
    const { status, body } = await (key === null ? run() : remember(key, fingerprint, run));
    return reply.code(status).send(body);
  };
}
