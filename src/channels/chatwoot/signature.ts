import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { RawDelivery, Refusal } from '../../ports/channel.ts';
import type { ChatwootSettings } from './options.ts';

type Secrets = Pick<ChatwootSettings, 'webhookSecret' | 'pathSecret' | 'toleranceMs'>;

const refuse = (code: string, detail: string): Refusal => ({ status: 401, code, detail });

/**
 * Decides whether a webhook is Chatwoot's: `X-Chatwoot-Signature: sha256=<hex>` must be the HMAC-SHA256 of
 * `<X-Chatwoot-Timestamp>.<raw body>`, and the timestamp (unix seconds) within the tolerance of `now` (UTC ms). Without a webhook secret
 * the path secret decides; without either, nothing passes. Every comparison takes constant time.
 * https://www.chatwoot.com/hc/user-guide/articles/1677693021-how-to-use-webhooks
 */
export function verifyWebhook(secrets: Secrets, delivery: RawDelivery, now: number): Refusal | null {
  if (secrets.webhookSecret) return verifySignature(secrets.webhookSecret, secrets.toleranceMs, { delivery, now });
  if (secrets.pathSecret) return verifyPath(secrets.pathSecret, delivery.pathSecret);
  return refuse('unconfigured', 'this channel has neither webhookSecret nor pathSecret: set one of them to accept webhooks');
}

function verifySignature(secret: string, toleranceMs: number, { delivery, now }: { delivery: RawDelivery; now: number }): Refusal | null {
  const timestamp = single(delivery.headers['x-chatwoot-timestamp']);
  const signature = single(delivery.headers['x-chatwoot-signature']);
  if (timestamp === null || signature === null) {
    return refuse('signature_missing', 'X-Chatwoot-Signature and X-Chatwoot-Timestamp are needed, once each');
  }
  if (!/^[0-9]{1,12}$/.test(timestamp)) return refuse('timestamp_invalid', 'X-Chatwoot-Timestamp must be unix seconds');
  const given = /^sha256=([0-9a-f]{64})$/i.exec(signature)?.[1];
  if (!given) return refuse('signature_invalid', 'X-Chatwoot-Signature must be sha256= and 64 hex digits');
  const expected = createHmac('sha256', secret).update(`${timestamp}.`).update(delivery.body).digest();
  if (!timingSafeEqual(Buffer.from(given, 'hex'), expected)) {
    return refuse('signature_invalid', "the signature does not match; check that webhookSecret is the bot's webhook secret, not its access token");
  }
  if (Math.abs(now - Number(timestamp) * 1000) <= toleranceMs) return null;
  return refuse('timestamp_stale', `X-Chatwoot-Timestamp is more than ${toleranceMs} ms from our clock`);
}

function verifyPath(secret: string, given: string | null): Refusal | null {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given ?? ''), digest(secret))) return null;
  return refuse('path_secret_invalid', 'the last segment of the webhook address is not the pathSecret of this channel');
}

function single(header: string | string[] | undefined): string | null {
  if (Array.isArray(header)) return header.length === 1 ? (header[0] ?? null) : null;
  return header ?? null;
}
