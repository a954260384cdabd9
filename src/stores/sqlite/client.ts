import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { Clock } from '../../domain/clock.ts';
import { AppError, StoreBusy, StoreFailed, StoreTimeout } from '../../domain/errors.ts';
import type { PortName, Submit } from '../commands.ts';
import type { Call, Reply } from './batch.ts';
import type { FromThread, ThreadData, ToThread } from './thread.ts';

/** So many calls do not wait for the end of the event loop's turn: the thread would idle while this one reads 64 requests. */
const POST_AT = 16;

interface Waiting {
  command: string;
  deadline: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export interface ClientOptions {
  dataDir: string;
  /** Calls that may wait for the disk before appends are refused with StoreBusy. */
  maxWaiting: number;
  /** After this a call fails with StoreTimeout, though it may still be executed, ms. */
  timeoutMs: number;
  clock: Clock;
}

/** This process's end of the store thread. Calls made in one turn of the event loop travel together, up to {@link POST_AT}. */
export class ThreadClient {
  readonly #options: ClientOptions;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, Waiting>();
  /** Calls the thread has not answered yet, those whose time ran out included: they still wait for the disk. */
  #unanswered = 0;
  #outbox: Call[] = [];
  #lastId = 0;
  #down: Error | null = null;
  #watching = false;

  private constructor(options: ClientOptions) {
    const { port1, port2 } = new MessageChannel();
    const file = import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js';
    this.#options = options;
    this.#port = port1;
    this.#worker = new Worker(new URL(file, import.meta.url), {
      workerData: { port: port2, dataDir: options.dataDir } satisfies ThreadData,
      transferList: [port2],
      name: 'chasqui-store',
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new AppError('store_closed', 'the store is closed')));
  }

  /** Resolves when the database is open. @throws AppError when it cannot be, with the reason. */
  static async open(options: ClientOptions): Promise<ThreadClient> {
    const client = new ThreadClient(options);
    await new Promise<void>((resolve, reject) => {
      client.#worker.once('error', reject);
      client.#port.once('message', (message: FromThread) => {
        if (message.kind === 'refused') reject(new AppError(message.code, message.message));
        else resolve();
      });
    });
    client.#port.on('message', (message: FromThread) => client.#receive(message));
    return client;
  }

  readonly submit: Submit = (port: PortName, method: string, args: unknown[]) =>
    new Promise((resolve, reject) => {
      const command = `${port}.${method}`;
      if (this.#down) return reject(new StoreFailed(command, this.#down));
      const { maxWaiting, clock, timeoutMs } = this.#options;
      if (method === 'append' && this.#unanswered >= maxWaiting) return reject(new StoreBusy(this.#unanswered));
      const id = ++this.#lastId;
      this.#waiting.set(id, { command, deadline: clock.monotonic() + timeoutMs, resolve, reject });
      this.#unanswered += 1;
      const queued = this.#outbox.push({ id, port, method, args, expiresAt: clock.now() + timeoutMs });
      if (queued === 1) setImmediate(() => this.#flush());
      if (queued >= POST_AT) this.#flush();
      void this.#watchDeadlines();
    });

  async close(): Promise<void> {
    if (this.#down) return;
    this.#flush();
    const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()));
    this.#port.postMessage({ kind: 'close' } satisfies ToThread);
    await exited;
  }

  #flush(): void {
    if (this.#outbox.length === 0) return;
    const calls = this.#outbox;
    this.#outbox = [];
    try {
      this.#post(calls);
    } catch {
      for (const call of calls) this.#postAlone(call);
    }
  }

  /** One call whose arguments cannot be copied to the thread must not take the others with it. */
  #postAlone(call: Call): void {
    try {
      this.#post([call]);
    } catch (error) {
      this.#settle({ id: call.id, error: error instanceof Error ? error.message : String(error) });
    }
  }

  #post(calls: Call[]): void {
    this.#port.postMessage({ kind: 'calls', calls } satisfies ToThread);
  }

  #receive(message: FromThread): void {
    if (message.kind === 'replies') for (const reply of message.replies) this.#settle(reply);
  }

  #settle(reply: Reply): void {
    this.#unanswered -= 1;
    const call = this.#waiting.get(reply.id);
    if (!call) return;
    this.#waiting.delete(reply.id);
    if ('error' in reply) call.reject(new StoreFailed(call.command, reply.error));
    else call.resolve(reply.value);
  }

  /** One timer for all calls: they share one timeout, so the oldest is always the next to run out. */
  async #watchDeadlines(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    while (this.#waiting.size > 0) {
      await this.#options.clock.sleep(Math.max(10, this.#options.timeoutMs / 8));
      this.#expire();
    }
    this.#watching = false;
  }

  #expire(): void {
    const now = this.#options.clock.monotonic();
    for (const [id, call] of this.#waiting) {
      if (call.deadline > now) break;
      this.#waiting.delete(id);
      call.reject(new StoreTimeout(call.command, this.#options.timeoutMs));
    }
  }

  #fail(error: Error): void {
    this.#down ??= error;
    for (const call of this.#waiting.values()) call.reject(new StoreFailed(call.command, this.#down));
    this.#waiting.clear();
  }
}
