import { instantOf } from '../../domain/ids.ts';
import { sendAddress } from '../../domain/turn.ts';

/** How far Chatwoot's clock and ours may be apart, ms: webhooks whose timestamps differ more are refused by default. */
export const CLOCKS_APART_MS = 300_000;

/** When the turn of a part was made, UTC ms of our clock; null when the key does not tell. */
export function madeAt(key: string): number | null {
  const address = sendAddress(key);
  return address && instantOf(address.turnId);
}
