import { BlockList, isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function isLoopbackAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** True for `localhost`, `*.localhost` and loopback addresses, with or without a port. */
export function isLoopbackHost(host: string): boolean {
  if (!URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  return hostname === 'localhost' || hostname.endsWith('.localhost') || isLoopbackAddress(hostname.replace(/^\[|\]$/g, ''));
}

/** True for a value of `Origin` that a page of this machine sends. */
function isLoopbackOrigin(origin: string): boolean {
  return URL.canParse(origin) && isLoopbackHost(new URL(origin).host);
}

/**
 * Why a request does not count as this machine's own, or null when it does. The address alone would not do: a page on
 * the internet can make a browser of this machine send it, through a name that resolves to 127.0.0.1 (DNS rebinding:
 * the `Host` gives it away) or as a cross-site request (`Sec-Fetch-Site` and `Origin` do).
 */
export function strangeness(request: FastifyRequest): string | null {
  const { host, origin, 'sec-fetch-site': site } = request.headers;
  if (!isLoopbackAddress(request.raw.socket.remoteAddress ?? '')) return 'the request comes from another machine';
  if (!isLoopbackHost(host ?? '')) return 'the Host header does not name this machine';
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'a page of another site sent the request';
  if (origin !== undefined && !isLoopbackOrigin(origin)) return 'a page of another site sent the request';
  return null;
}
