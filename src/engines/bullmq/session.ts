import { Queue, QueueKeys, RedisConnection, RedisQueueBackend, Worker, type BackendFactory, type Job, type JobsOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { LaneId } from '../../domain/ids.ts';
import type { WakeupCounts } from '../../ports/engine-watch.ts';
import { blockingConnection, commandConnection, workConnection, type RedisAddress } from './connections.ts';
import { durabilityOf, type Durability } from './durability.ts';

export interface SessionSettings {
  address: RedisAddress;
  /** Deadline of a connection and of a command, ms. */
  timeoutMs: number;
  /** Before every key, without braces. */
  prefix: string;
  queueName: string;
  /** Names this process. */
  owner: string;
}

/** What Redis holds of a wake-up. Nothing of a message. */
export interface Wakeup {
  laneId: LaneId;
}

/** A wake-up to be added. */
export interface NewWakeup {
  laneId: LaneId;
  inMs: number;
  /** True: it takes the place of one that waits for its time. False: it gives way to any that is there. */
  replaces: boolean;
}

export type Processor = (job: Job<Wakeup>, token: string) => Promise<void>;

/** How long BullMQ's lock on a wake-up lasts. It only decides how soon a dead worker's wake-up is seen again: the lease protects the lane. */
const LOCK_MS = 5_000;
const STALLED_CHECK_MS = 5_000;
/** A blocking read is over after this, s, so that a connection that broke silently is found out. */
const BLOCK_SECONDS = 2;
/** Ended wake-ups kept for dashboards. */
const KEPT = 100;
/** A wake-up must never end as failed for good: the store decides when there is nothing left to do. */
const UNBOUNDED = 1_000_000_000;

/** Blocks for less time than the default of 10 s when a delayed wake-up is known. */
class PromptBackend extends RedisQueueBackend {
  override get maximumBlockTimeout(): number {
    return BLOCK_SECONDS;
  }
}

/**
 * Deduplication by lane (https://docs.bullmq.io/guide/jobs/deduplication): a wake-up that waits for its time may be replaced by a newer one; one that
 * waits for a worker stands for the newer one; and one added while the lane's wake-up runs follows after it.
 */
function optionsOf({ laneId, inMs, replaces }: NewWakeup): JobsOptions {
  return {
    delay: Math.ceil(inMs),
    deduplication: { id: laneId, keepLastIfActive: true, replace: replaces },
    attempts: UNBOUNDED,
    backoff: { type: 'fixed', delay: 1000 },
    removeOnComplete: { count: KEPT },
    removeOnFail: { count: KEPT },
  };
}

/** The two connections of a worker, and what works through them. */
interface Crew {
  worker: Worker<Wakeup>;
  connections: Redis[];
}

/**
 * Connections to Redis, from the first of them until one of them ends or is given up; then all of them are thrown away. Nothing in it is repaired: a
 * connection in doubt may have half of a conversation in it.
 */
export class Session {
  readonly #settings: SessionSettings;
  readonly #over = new AbortController();
  readonly #connection: Redis;
  #queue: Queue<Wakeup> | null = null;
  #crew: Crew | null = null;
  #beats = 0;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
    this.#connection = this.#watched(commandConnection(settings.address, settings.timeoutMs, `${settings.owner}:wake`));
  }

  /** Resolves when Redis answers, with what it keeps. */
  async connect(): Promise<Durability> {
    await this.#connection.connect();
    const durability = await durabilityOf(this.#connection);
    this.#over.signal.throwIfAborted();
    this.#queue = new Queue<Wakeup>(this.#settings.queueName, { connection: this.#connection, prefix: prefixOf(this.#settings) });
    this.#queue.on('error', (error) => this.end(error));
    await this.#queue.waitUntilReady();
    return durability;
  }

  /** Aborts, with the reason, when the session is over. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /**
   * Leaves a note of this process, which shows that Redis answers and can be written to. `emptied`: the one before has vanished. `at`: UTC ms.
   */
  async beat(note: object, at: number): Promise<{ emptied: boolean }> {
    const { owner } = this.#settings;
    const replies = (await this.#connection.multi().hget(this.#notesKey, owner).hset(this.#notesKey, owner, JSON.stringify({ ...note, at })).exec()) ?? [];
    for (const [error] of replies) if (error) throw error;
    this.#beats += 1;
    return { emptied: this.#beats > 1 && replies[0]?.[1] === null };
  }

  /** Notes of processes left since `from`, UTC ms. Older ones are of processes that are gone, and go as well. */
  async notes(from: number): Promise<Record<string, unknown>[]> {
    const all = Object.entries(await this.#connection.hgetall(this.#notesKey)).map(([owner, text]) => ({ owner, note: JSON.parse(text) as { at: number } }));
    const gone = all.filter(({ note }) => note.at < from).map(({ owner }) => owner);
    if (gone.length > 0) await this.#connection.hdel(this.#notesKey, ...gone);
    return all.filter(({ note }) => note.at >= from).map(({ owner, note }) => ({ process: owner, ...note }));
  }

  get #notesKey(): string {
    return `${prefixOf(this.#settings)}:${this.#settings.queueName}:processes`;
  }

  /** At most 1,000 at a time. */
  async add(wakeups: readonly NewWakeup[]): Promise<void> {
    await this.#queue?.addBulk(wakeups.map((wakeup) => ({ name: 'lane', data: { laneId: wakeup.laneId }, opts: optionsOf(wakeup) })));
  }

  async counts(): Promise<WakeupCounts> {
    const { waiting = 0, prioritized = 0, active = 0, delayed = 0 } = (await this.#queue?.getJobCounts('waiting', 'prioritized', 'active', 'delayed')) ?? {};
    return { waiting: waiting + prioritized, active, delayed };
  }

  get isWorking(): boolean {
    return this.#crew !== null && !this.#over.signal.aborted;
  }

  /** Begins to take wake-ups. */
  async work(processor: Processor, concurrency: number): Promise<void> {
    const { address, timeoutMs, owner, queueName } = this.#settings;
    const commands = this.#watched(workConnection(address, timeoutMs, `${owner}:work`));
    const blocking = this.#watched(blockingConnection(address, timeoutMs, `${owner}:wait`));
    await Promise.all([commands.connect(), blocking.connect()]);
    const backend = await backendOf(commands, blocking);
    this.#over.signal.throwIfAborted();
    const options = {
      connection: commands,
      prefix: prefixOf(this.#settings),
      name: owner,
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: UNBOUNDED,
      drainDelay: BLOCK_SECONDS,
    };
    const worker = new Worker<Wakeup>(queueName, (job, token) => processor(job, token ?? ''), options, backend);
    // A refusal by Redis (read-only, full, not allowed) meets every command. What else is reported is about one wake-up (its key vanished, its lock
    // ended), which costs time only.
    worker.on('error', (error) => void (error.name === 'ReplyError' && this.end(error)));
    this.#crew = { worker, connections: [commands, blocking] };
  }

  /** A worker with all its slots full looks at their number again when one gets free, or when it goes on after a pause. */
  async scale(concurrency: number): Promise<void> {
    if (!this.#crew || this.#crew.worker.concurrency === concurrency) return;
    const { worker } = this.#crew;
    worker.concurrency = concurrency;
    await worker.pause(true);
    await worker.resume();
  }

  /** Takes no more wake-ups; those in hand go on. */
  async rest(): Promise<void> {
    await this.#crew?.worker.pause(true);
  }

  /** Resolves when the wake-ups in hand are completed or put back. Wake-ups can still be added. */
  async workNoMore(): Promise<void> {
    const crew = this.#crew;
    if (!crew) return;
    this.#crew = null;
    for (const connection of crew.connections) connection.removeAllListeners('end');
    await crew.worker.close();
    for (const connection of crew.connections) connection.disconnect();
  }

  /** Ends at once, whatever is under way. */
  end(reason: Error): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort(reason);
    // The connections are gone, so closing has nothing left to do to Redis.
    for (const close of [this.#crew?.worker.close(true), this.#queue?.close()]) close?.catch(() => undefined);
  }

  /** A connection that ends, or errs, ends the session; and the session ends it. */
  #watched(connection: Redis): Redis {
    connection.on('error', (error: Error) => this.end(error));
    connection.on('end', () => this.end(new Error('the connection to Redis ended')));
    this.#over.signal.addEventListener('abort', () => connection.disconnect(), { once: true });
    if (this.#over.signal.aborted) connection.disconnect();
    return connection;
  }
}

/** The braces put all keys of the queue into one slot of a Redis Cluster (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags). */
export const prefixOf = ({ prefix }: Pick<SessionSettings, 'prefix'>): string => `{${prefix}}`;

/**
 * The worker's own two connections, which it does not close: they end with the session. BullMQ has looked around on them by then: a worker on a connection where
 * that failed would ask it again and again without a pause.
 */
async function backendOf(commands: Redis, blocking: Redis): Promise<BackendFactory<RedisQueueBackend>> {
  const work = new RedisConnection(commands, { shared: true, blocking: false });
  const wait = new RedisConnection(blocking, { shared: true, blocking: true });
  for (const connection of [work, wait]) connection.on('error', () => undefined);
  await Promise.all([work.client, wait.client]);
  return (name, options) => {
    const keys = new QueueKeys((options as { prefix?: string }).prefix);
    return new PromptBackend(work, name, keys.getKeys(name), (type) => keys.toKey(name, type), options, wait);
  };
}
