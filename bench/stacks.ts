/** What is put under load: ours in its roles, the ceiling, and what one would write today. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import type { Backends } from './backends.ts';
import { startChild, withDataDir } from './children.ts';
import type { Child } from './children.ts';
import type { FromServer, ServerPlan, Told } from './server.ts';
import type { Where } from './settings.ts';
import { WEBHOOK_PATH, WEBHOOK_SECRET } from './webhooks.ts';

export type StoreKind = 'sqlite' | 'postgres';
export type EngineKind = 'local' | 'bullmq';

export interface StackOptions {
  store: StoreKind;
  engine: EngineKind;
  /** Turns, or jobs, at once. */
  concurrency: number;
  /** Folder for CPU profiles of our servers, one per thread. They slow down what they profile. */
  profileDir?: string;
}

/** A server under load, with the processes that it needs. */
export interface Stack {
  port: number;
  /** Roots of the process trees that serve it, the database's included. */
  roots: number[];
  told(): Promise<Pick<Told, 'pending' | 'rssBytes'>>;
  /** Ends it without warning and throws unless every acknowledged webhook is there. */
  verify(acknowledged: number): Promise<void>;
}

export type StackKind = 'ceiling' | 'api' | 'all' | 'split' | 'peer' | 'peer-working';
type Use<T> = (stack: Stack) => Promise<T>;

async function tell<T extends { kind: string }>(child: Child): Promise<T> {
  const told = child.next<T>('told' as T['kind']);
  child.send({ kind: 'tell' });
  return told;
}

/** Runs `use` with a store of the kind asked for that is empty. */
export async function withStore<T>(backends: Backends, options: Pick<StackOptions, 'store' | 'engine'>, use: (where: Where, roots: number[]) => Promise<T>): Promise<T> {
  return withDataDir(async (dataDir) => {
    const redis = options.engine === 'bullmq' ? await backends.redis('everysec') : null;
    const withEngine = async (databaseUrl: string | null, roots: number[]): Promise<T> => {
      if (!redis) return use({ dataDir, databaseUrl, redisUrl: null }, roots);
      return redis.emptied((redisUrl) => use({ dataDir, databaseUrl, redisUrl }, [...roots, redis.pid]));
    };
    if (options.store === 'sqlite') return withEngine(null, []);
    const postgres = await backends.postgres();
    if (!postgres) throw new Error('PostgreSQL is not installed');
    return postgres.withDatabase((url) => withEngine(url, [postgres.pid]));
  });
}

const STORED = "select count(*) as stored from message where direction = 'inbound'";

/** Counts the messages in the store, from outside. */
async function storedIn({ dataDir, databaseUrl }: Where): Promise<number> {
  if (databaseUrl === null) {
    const db = new DatabaseSync(join(dataDir, 'chasqui.db'));
    const { stored } = db.prepare(STORED).get() as { stored: number };
    db.close();
    return stored;
  }
  const client = new pg.Client(databaseUrl);
  await client.connect();
  const { rows } = await client.query(STORED.replace('message', 'chasqui.message'));
  await client.end();
  return Number((rows[0] as { stored: string }).stored);
}

function missing(acknowledged: number, stored: number): void {
  if (stored < acknowledged) throw new Error(`${acknowledged} webhooks were acknowledged, but ${stored} are stored`);
}

/** A profile is written at the end, so its process is stopped in order; any other is killed, so that nothing can be written late. */
async function endServers(servers: Child[], isProfiled: boolean): Promise<void> {
  for (const server of servers) {
    if (!isProfiled) await server.end('SIGKILL');
    else {
      server.send({ kind: 'stop' });
      await server.gone;
    }
  }
}

const ROLES: Record<'ceiling' | 'api' | 'all' | 'split', ServerPlan['kind'][]> = { ceiling: ['ceiling'], api: ['api'], all: ['all'], split: ['api', 'worker'] };

function withOurs<T>(backends: Backends, options: StackOptions & { kind: keyof typeof ROLES }, use: Use<T>): Promise<T> {
  const { concurrency, profileDir, kind } = options;
  return withStore(backends, options, async (where, roots) => {
    const servers: Child[] = [];
    try {
      let port = 0;
      for (const role of ROLES[kind]) {
        const profiling = profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', join(profileDir, `${kind}-${role}`)];
        const server = startChild('./server.ts', { kind: role, where, concurrency } satisfies ServerPlan, profiling);
        servers.push(server);
        const listening = await server.next<Extract<FromServer, { kind: 'listening' }>>('listening');
        port ||= listening.port;
      }
      const verify = async (acknowledged: number): Promise<void> => {
        await endServers(servers, profileDir !== undefined);
        if (kind !== 'ceiling') missing(acknowledged, await storedIn(where));
      };
      return await use({ port, roots: [...servers.map(({ pid }) => pid), ...(kind === 'ceiling' ? [] : roots)], told: () => tell<Told>(servers[0] as Child), verify });
    } finally {
      await Promise.all(servers.map((server) => server.end('SIGKILL')));
    }
  });
}

interface PeerTold {
  kind: 'told';
  pending: number;
  rssBytes: number;
}

/** express, rate-limiter-flexible, SET NX, BullMQ; its worker, when it has one, is a process of its own. */
async function withPeer<T>(backends: Backends, options: StackOptions & { kind: 'peer' | 'peer-working' }, use: Use<T>): Promise<T> {
  const redis = await backends.redis('everysec');
  if (!redis) throw new Error('Redis is not installed');
  return redis.emptied(async (redisUrl) => {
    const server = startChild('./peers/express.mjs', { redisUrl, path: WEBHOOK_PATH, secret: WEBHOOK_SECRET });
    const worker = options.kind === 'peer-working' ? startChild('./peers/worker.mjs', { redisUrl, concurrency: options.concurrency }) : null;
    try {
      await worker?.next<{ kind: 'working' }>('working');
      const { port } = await server.next<Extract<FromServer, { kind: 'listening' }>>('listening');
      const told = (): Promise<PeerTold> => tell<PeerTold>(server);
      const verify = async (acknowledged: number): Promise<void> => {
        const { done } = worker ? await tell<{ kind: 'told'; done: number }>(worker) : { done: 0 };
        missing(acknowledged, (await told()).pending + done);
      };
      return await use({ port, roots: [server.pid, redis.pid, ...(worker ? [worker.pid] : [])], told, verify });
    } finally {
      await Promise.all([server.end('SIGKILL'), worker?.end('SIGKILL')]);
    }
  });
}

/** Runs `use` with a fresh stack of this kind. */
export function withStack<T>(backends: Backends, options: StackOptions & { kind: StackKind }, use: Use<T>): Promise<T> {
  const { kind } = options;
  return kind === 'peer' || kind === 'peer-working' ? withPeer(backends, { ...options, kind }, use) : withOurs(backends, { ...options, kind }, use);
}
