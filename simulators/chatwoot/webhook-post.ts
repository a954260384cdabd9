import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { SimClock } from '../clock.ts';

export interface WebhookPost {
  url: string;
  headers: Record<string, string>;
  body: string;
  timeoutMs: number;
  /** Gives up, as when the simulator closes. */
  signal: AbortSignal;
}

/** How a POST ended: with a status, or with the reason why none came. */
export type PostResult = { status: number; error: null } | { status: null; error: string };

/**
 * One POST on a connection of its own, as Chatwoot's HTTP client makes them. Redirects are not followed: whoever
 * redirects a signed webhook did not take it.
 */
export function postWebhook(clock: SimClock, post: WebhookPost): Promise<PostResult> {
  return new Promise((resolve) => {
    const send = post.url.startsWith('https:') ? httpsRequest : httpRequest;
    const body = Buffer.from(post.body, 'utf8');
    const headers = { ...post.headers, 'content-length': String(body.length) };
    const request = send(post.url, { method: 'POST', agent: false, headers, signal: post.signal });
    const cancel = clock.after(post.timeoutMs, () => request.destroy(new Error('timeout')));
    const finish = (result: PostResult): void => {
      cancel();
      resolve(result);
    };
    request.once('error', (error: NodeJS.ErrnoException) => {
      finish({ status: null, error: error.code ?? error.message });
    });
    request.once('response', (response) => {
      response.once('error', (error) => finish({ status: null, error: error.message }));
      response.once('end', () => finish({ status: response.statusCode ?? 0, error: null }));
      response.resume();
    });
    request.end(body);
  });
}
