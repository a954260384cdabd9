import { createHmac } from 'node:crypto';

/** `sha256=` and HMAC-SHA256 in hex over `<timestamp>.<body>`, as agent bots have since Chatwoot 4.13. */
export function signWebhook(secret: string, timestampS: number, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestampS}.${body}`).digest('hex')}`;
}
