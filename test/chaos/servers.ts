import { setTimeout as wait } from 'node:timers/promises';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { answering, createDatabase, dropDatabase, terminateBackends } from './grounds.ts';
import type { Grounds } from './grounds.ts';
import type { DisturbanceKind, Happenings } from './happenings.ts';
import type { ServerStep } from './plan.ts';

type ServerName = 'postgres' | 'redis';

/** The servers of one schedule: a database of its own, an empty Redis, and a link of its own from each process to each server. */
export class Servers {
  readonly #grounds: Grounds;
  readonly #happenings: Happenings;
  readonly #database: string | null;
  readonly #links: Record<ServerName, TcpProxy[]>;
  /** What is under way at a server; the next thing there waits for it. */
  readonly #busy: Record<ServerName, Promise<void>> = { postgres: Promise.resolve(), redis: Promise.resolve() };
  #downs = 0;
  /** When a process could last not reach its store, UTC ms. */
  #lastDownAt = 0;

  private constructor(grounds: Grounds, happenings: Happenings, own: { database: string | null; links: Record<ServerName, TcpProxy[]> }) {
    this.#grounds = grounds;
    this.#happenings = happenings;
    this.#database = own.database;
    this.#links = own.links;
  }

  static async open(grounds: Grounds, happenings: Happenings, members: number): Promise<Servers> {
    const { postgres, redis } = grounds;
    const database = postgres && (await createDatabase(postgres));
    await redis?.command('FLUSHALL');
    const linksTo = (server: { port: number } | null): Promise<TcpProxy[]> =>
      server === null ? Promise.resolve([]) : Promise.all(Array.from({ length: members }, () => startTcpProxy(server.port)));
    return new Servers(grounds, happenings, { database, links: { postgres: await linksTo(postgres), redis: await linksTo(redis) } });
  }

  /** Settings of the process in this place. */
  env(member: number): Record<string, string> {
    const { postgres, redis } = this.#links;
    return {
      ...(postgres[member] && { DATABASE_URL: `postgres://postgres@127.0.0.1:${postgres[member].port}/${this.#database}` }),
      ...(redis[member] && { REDIS_URL: `redis://127.0.0.1:${redis[member].port}` }),
    };
  }

  /** True when the store could not be reached at some moment since then: a process that was starting may have given up. */
  wasDownSince(at: number): boolean {
    return this.#downs > 0 || this.#lastDownAt >= at;
  }

  async strike(step: ServerStep): Promise<void> {
    this.#happenings.faults.push(step.do === 'half_open' ? `half_open ${step.to} ${step.mode}` : `${step.do} outside`);
    switch (step.do) {
      case 'postgres_restart':
        return this.#inTurn('postgres', () => this.#outage('postgres restart', step.ms));
      case 'postgres_terminate':
        return this.#inTurn('postgres', () => this.#terminate());
      case 'redis_kill':
        return this.#inTurn('redis', () => this.#redisDown('redis kill', step.ms));
      case 'redis_freeze':
        return this.#inTurn('redis', () => this.#redisFrozen(step.ms));
      case 'redis_flush':
        return this.#inTurn('redis', () => this.#tellRedis('redis flush', 'FLUSHALL', 0));
      case 'redis_pause':
        return this.#inTurn('redis', () => this.#tellRedis('redis pause', `CLIENT PAUSE ${step.ms} ALL`, step.ms));
      case 'half_open':
        return this.#halfOpen(step);
    }
  }

  /** Redis is not there yet when the processes start. */
  async absentRedis(ms: number): Promise<void> {
    this.#happenings.faults.push('redis_absent outside');
    const { redis } = this.#grounds;
    await redis?.down();
    const over = this.#happenings.begin('redis absent at start');
    void this.#inTurn('redis', async () => {
      await wait(ms);
      await redis?.up();
      over();
    });
  }

  /** Resolves when every server is back and every link passes. */
  async heal(): Promise<void> {
    for (const link of [...this.#links.postgres, ...this.#links.redis]) link.mode = 'pass';
    await Promise.all(Object.values(this.#busy));
  }

  async close(): Promise<void> {
    await this.heal();
    const { postgres } = this.#grounds;
    if (postgres && this.#database) await dropDatabase(postgres, this.#database);
    await Promise.all([...this.#links.postgres, ...this.#links.redis].map((link) => link.stop()));
  }

  #inTurn(server: ServerName, strike: () => Promise<void>): Promise<void> {
    return (this.#busy[server] = this.#busy[server].then(strike));
  }

  async #storeDown(down: () => Promise<void>): Promise<void> {
    this.#downs += 1;
    await down();
    this.#downs -= 1;
    this.#lastDownAt = Date.now();
  }

  #outage(kind: DisturbanceKind, ms: number): Promise<void> {
    const over = this.#happenings.begin(kind);
    const { postgres } = this.#grounds;
    return this.#storeDown(async () => {
      await postgres?.down();
      await wait(ms);
      await postgres?.up();
      if (postgres) await answering(postgres);
      over();
    });
  }

  async #terminate(): Promise<void> {
    const { postgres } = this.#grounds;
    if (postgres && this.#database) await this.#storeDown(() => terminateBackends(postgres, this.#database as string));
    this.#happenings.struck('postgres terminated');
  }

  async #redisDown(kind: DisturbanceKind, ms: number): Promise<void> {
    const over = this.#happenings.begin(kind);
    await this.#grounds.redis?.down();
    await wait(ms);
    await this.#grounds.redis?.up();
    over();
  }

  async #redisFrozen(ms: number): Promise<void> {
    const over = this.#happenings.begin('redis freeze');
    this.#grounds.redis?.freeze();
    await wait(ms);
    this.#grounds.redis?.thaw();
    over();
  }

  async #tellRedis(kind: DisturbanceKind, words: string, ms: number): Promise<void> {
    const over = this.#happenings.begin(kind);
    await this.#grounds.redis?.command(words);
    await wait(ms);
    over();
  }

  async #halfOpen({ to, member, mode, ms }: ServerStep & { do: 'half_open' }): Promise<void> {
    const links = this.#links[to].filter((_, index) => member === null || member === index);
    const over = this.#happenings.begin(`${to} half-open`);
    const cut = async (): Promise<void> => {
      for (const link of links) link.mode = mode;
      await wait(ms);
      for (const link of links) link.mode = 'pass';
    };
    await (to === 'postgres' ? this.#storeDown(cut) : cut());
    over();
  }
}
