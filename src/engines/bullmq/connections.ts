import { Redis, type RedisOptions } from 'ioredis';

/** Where Redis is: `redis://` or `rediss://` (TLS), or its parts. */
export type RedisAddress = { url: string } | { host: string; port: number; password?: string };

/** After so long without traffic the kernel asks whether the other end is still there, ms. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Options of every connection. None of them connects again by itself or sends a command twice: a connection that ends takes its session with it, and
 * the link makes a new one.
 */
function optionsFor(timeoutMs: number, name: string): RedisOptions {
  return {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    keepAlive: KEEP_ALIVE_MS,
    connectionName: name,
    enableAutoPipelining: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    retryStrategy: null,
  };
}

function connect(address: RedisAddress, options: RedisOptions): Redis {
  return 'url' in address ? new Redis(address.url, options) : new Redis({ ...address, ...options });
}

/** A connection for adding wake-ups: a command fails at once while there is no connection, and otherwise ends within `timeoutMs`. */
export function commandConnection(address: RedisAddress, timeoutMs: number, name: string): Redis {
  return connect(address, { ...optionsFor(timeoutMs, name), commandTimeout: timeoutMs, enableOfflineQueue: false });
}

/**
 * A connection for a worker's commands, which end within `timeoutMs`. They may not fail at once: BullMQ's loop asks again at once, in the same turn of the
 * event loop, and so would never hear that the connection has ended.
 */
export function workConnection(address: RedisAddress, timeoutMs: number, name: string): Redis {
  return connect(address, { ...optionsFor(timeoutMs, name), commandTimeout: timeoutMs });
}

/** A connection for reads that block. Who waits on it has to watch the time. */
export function blockingConnection(address: RedisAddress, timeoutMs: number, name: string): Redis {
  return connect(address, optionsFor(timeoutMs, name));
}
