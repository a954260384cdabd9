import { Redis } from 'ioredis';
import type { Clock } from '../../domain/clock.ts';

/** What the limiter needs of a client of Redis. */
export interface RedisCommands {
  /** Sends one command. */
  send(command: string, args: (string | number)[]): Promise<unknown>;
  /** False while there is no connection: nothing is sent then, so that no client queues it for later. */
  isReady(): boolean;
  /** Keys of different hash slots may not share a command. */
  readonly isCluster: boolean;
  /** Tries a new connection: the present one has fallen silent. */
  reconnect(): void;
  close(): void;
}

/** ioredis or iovalkey, single or `Cluster`; its offline queue, resending and retries are not used: nothing is sent that is not ready. */
export interface IoRedisLike {
  status: string;
  isCluster?: boolean;
  call(command: string, args: (string | number)[]): Promise<unknown>;
}

/** `createClient()` of the package `redis`. */
export interface NodeRedisLike {
  isReady: boolean;
  sendCommand(args: string[]): Promise<unknown>;
}

export type RedisClient = IoRedisLike | NodeRedisLike;

const nothing = (): void => undefined;

/** A client that belongs to somebody else: it is neither reconnected nor closed here. */
export function commandsOf(client: RedisClient): RedisCommands {
  if ('sendCommand' in client && 'isReady' in client) {
    const send: RedisCommands['send'] = (command, args) => client.sendCommand([command, ...args.map(String)]);
    return { send, isReady: () => client.isReady, isCluster: false, reconnect: nothing, close: nothing };
  }
  const { isCluster = false } = client;
  return { send: (command, args) => client.call(command, args), isReady: () => client.status === 'ready', isCluster, reconnect: nothing, close: nothing };
}

/** Between two attempts to connect, ms, at the most: a Redis that is back is noticed within this. */
const RECONNECT_MS = 250;

/**
 * A connection of the limiter's own. Nothing waits in it: what cannot be sent now is refused, what was sent is not sent again after a new connection
 * (it would count twice). https://github.com/redis/ioredis#readme
 */
export function connectRedis(url: string, onTrouble: (error: Error) => void): RedisCommands {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    keepAlive: 10_000,
    connectionName: 'chasqui-limiter',
    retryStrategy: (times) => Math.min(RECONNECT_MS, 25 * times),
    // After a failover this one may be a replica now; a new connection finds out who is not.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  redis.on('error', onTrouble);
  return { ...commandsOf(redis), reconnect: () => redis.disconnect(true), close: () => redis.disconnect() };
}

/** Resolves when there is a connection, or after `ms`. */
export async function readyWithin(commands: RedisCommands, ms: number, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + ms;
  while (!commands.isReady() && clock.monotonic() < deadline) await clock.sleep(5);
}
